// SPDX-License-Identifier: Apache-2.0
// Holds the machines to what docs/FAILOVER.md promises. It knows what really happened; the machines only what they
// heard.
#pragma once

#include "conditions.hpp"
#include "failover/events.hpp"
#include "host.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace sim {

struct violation {
    std::string rule; ///< "S1 one owner"
    instant at = 0;
    std::string text;
};

class referee {
public:
    /// `slowest`: the longest a datagram may be under way.
    referee(conditions const& c, instant slowest);

    // What happened to node `n`, as it happens.
    void started(std::size_t n, instant now, host const& h);
    void ended(std::size_t n, instant now);
    void stalled(std::size_t n);
    void woke(std::size_t n, instant now, bool asleep);
    void asked(std::size_t n, instant now, cluster::failover::request what, std::uint32_t id);
    /// The witness said yes.
    void granted(std::size_t n, instant now) { seen_[n].granted_at = now; }
    void impaired(std::size_t n, instant now) { seen_[n].impaired_at = now; }

    /// Before a step: `sent` and `sequence` matter for heartbeats only.
    void before(std::size_t n, instant now, cluster::failover::event const& e, instant sent,
                std::array<host, 2> const& hosts);
    /// Each action of the step, before it is carried out.
    void acted(std::size_t n, instant now, cluster::failover::action const& a, std::array<host, 2> const& hosts);
    void after(std::size_t n, instant now, std::array<host, 2> const& hosts);
    void effect_answered(std::size_t n);

    void fail(char const* rule, instant now, std::string text);
    [[nodiscard]] std::optional<violation> const& found() const noexcept { return found_; }
    /// Who owned the addresses last; -1: nobody yet.
    [[nodiscard]] int last_owner() const noexcept { return last_owner_; }
    /// How often a state was entered, by both.
    [[nodiscard]] std::uint64_t moves() const noexcept { return moves_; }

private:
    static constexpr instant never = -1'000'000 * ms;

    struct observed {
        cluster::node_state state = cluster::node_state::listening;
        instant started = never;
        instant last_heard = never; ///< a believed heartbeat was handed over
        instant fresh = never;      ///< when the newest of them was sent
        std::uint64_t newest = 0;   ///< its number
        cluster::node_report peer;  ///< what it said
        bool heard_since_start = false;
        instant woke = never;
        bool heard_since_woke = true; ///< something that may have waited in a buffer
        bool fresh_since_woke = true; ///< something that was sent after it woke
        instant impaired_at = never;  ///< last time something spoke against this node as the owner
        instant overruled_at = never; ///< an operator wanted it to take over, whatever speaks against that
        instant granted_at = never;   ///< the witness let this node replace its peer
        bool left = false;            ///< the peer said goodbye, or started anew, after it was heard last
        bool conflict = false;
        bool owes_announcement = false;
        bool must_stay = false;          ///< this step told of a peer that has to yield, and of nothing else
        bool announced = false;          ///< in this step
        cluster::epoch greatest;         ///< heard or used
        cluster::failover::persist kept; ///< what would be left after a crash
        bool maintenance = false;        ///< the operator was told so
        struct effect {
            bool acquire;
            instant at;
        };
        std::vector<effect> effects; ///< without an answer, in order
        struct request {
            std::uint32_t id;
            instant at;
        };
        std::vector<request> requests;
    };

    void on_acquire(std::size_t n, instant now, cluster::epoch e, std::array<host, 2> const& hosts);
    [[nodiscard]] bool nobody_answered(std::size_t n, instant now, host const& h) const;
    void on_notify(std::size_t n, instant now, cluster::failover::notify const& what);
    void on_answer(std::size_t n, instant now, std::uint32_t id);
    void check_kept(std::size_t n, instant now, cluster::node_report const& mine);
    void check_claim(std::size_t n, instant now, char const* what);
    void check_cause(std::size_t n, instant now);
    void update_contact(instant now, std::array<host, 2> const& hosts);

    conditions const& conditions_;
    instant settled_; ///< contact for so long makes promises strict
    std::array<observed, 2> seen_;
    cluster::failover::event const* event_ = nullptr;
    instant contact_since_ = never; ///< both hear each other, never: they do not
    instant asked_at_ = never;
    int last_owner_ = -1;
    std::uint64_t moves_ = 0;
    std::optional<violation> found_;
};

} // namespace sim
