// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "failover/events.hpp"
#include "failover/flap_damper.hpp"
#include "failover/limits.hpp"
#include "failover/link_monitor.hpp"

#include <optional>
#include <vector>

namespace cluster::failover {

struct machine_settings {
    node_id self = node_id::none; ///< `none`: a single node without a peer
    cluster::timing timing;
    std::size_t links = 0;
    cluster::epoch epoch;        ///< the last one known before the start
    bool maintenance = false;    ///< as left before the start
    milliseconds refresh{500};   ///< between renewals of the addresses' lifetime
    milliseconds witness_limit{0}; ///< for the witness's answer; 0: there is none to ask
    milliseconds witness_pause{2000}; ///< after it said no, before it is asked again
    milliseconds lifetime{2000}; ///< after which addresses that were not renewed are gone by themselves
};

/// What the machine knows, for status and logs.
struct view {
    node_state state = node_state::listening;
    cluster::epoch epoch;
    bool maintenance = false;
    bool peer_known = false; ///< heard since the start
    bool peer_alive = false;
    node_report peer;
    milliseconds peer_silence{0};
    struct link {
        bool usable = true;
        bool alive = false;
        milliseconds silence{0};
    };
    std::vector<link> links;
    time_point since; ///< in this state
    unsigned unplanned_moves = 0;
    bool unsteady = false;
    milliseconds steady_in{0};
    bool held_back = false; ///< the peer is silent and no ping node answers, so nothing is taken
};

/// Decides who owns the floating IPs. Pure: time and events go in, actions come out; docs/FAILOVER.md is its text.
///
/// The driver's part: deliver everything that has arrived before `timer_expired`; carry out the actions in their order;
/// answer each `acquire_addresses` and `release_addresses` once, in that order; never call `step` from within an
/// action.
class machine {
public:
    machine(machine_settings s, time_point now);

    /// Appends what is to be done to `out`, in order. `now` never goes back. Allocates nothing but in `out`.
    void step(time_point now, event const& e, std::vector<action>& out);
    /// When `step(timer_expired)` is due. The driver first delivers what has already arrived.
    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    [[nodiscard]] view look(time_point now) const;
    [[nodiscard]] node_report report() const noexcept;

private:
    enum class aftermath : std::uint8_t { passive, offer, listen, stop }; // what follows a release
    enum class effect : std::uint8_t { none, acquiring, releasing };
    enum class doubt : std::uint8_t { none, silent, both }; // may the peer have claimed what this node owns?

    // What happens (machine_events.cpp): facts are noted, rules come after.
    void on(heartbeat_received const& h);
    void on(peer_restarted const&);
    void on(goodbye_received const&);
    void on(link_changed const& l);
    void on(local_health const& h);
    void on(addresses_acquired const& r);
    void on(addresses_released const& r);
    void on(operator_request const& r);
    void on(ping_node_answered const& a);
    void on(witness_answered const& a);
    void on(timer_expired const&);
    void notice_sleep();
    void watch_silence();
    void adopt(epoch e);
    void forget_witness();
    void forget_pings() noexcept;

    // What follows from it (machine_rules.cpp): each returns true when the state changed, and all are asked again.
    bool apply_rules();
    bool rule_listening();
    bool rule_passive();
    bool rule_offering();
    bool rule_claim();
    bool may_replace_silent_peer();
    void rule_pings();
    bool rule_failback();
    bool rule_owner();
    void rule_conflict();
    bool rule_hand_over();
    bool rule_releasing();
    void rule_peer_request();
    void rule_steady();

    // Operators' requests (machine_requests.cpp).
    refusal begin_takeover(operator_request const& r);
    refusal begin_handover(operator_request const& r);
    refusal begin_maintenance(operator_request const& r);
    void begin_stop(operator_request const& r);
    refusal grant_takeover();
    void ask_peer();
    void watch_request();
    void finish_request(refusal why);
    void set_maintenance(bool on);
    void leave();

    // Moves (machine.cpp).
    void become(node_state to, char const* reason);
    void claim(char const* reason);
    void release(aftermath then, char const* reason);
    void ask_release();
    void give_up_acquiring(char const* reason);
    void released();
    void start_offer(time_point until);
    void end_offer(refusal why);
    void beat();
    void tell(notify::kind what, char const* reason = "", std::size_t link = 0);
    void moved_unplanned();
    void persist_now();
    bool due(time_point t) noexcept;
    bool past(time_point t) noexcept;
    [[nodiscard]] bool has_peer() const noexcept { return settings_.self != node_id::none && settings_.links > 0; }
    [[nodiscard]] bool able_now() const noexcept;
    [[nodiscard]] bool isolated() const noexcept;
    [[nodiscard]] milliseconds ping_interval() const noexcept;
    [[nodiscard]] bool better_still() const noexcept;

    machine_settings settings_;
    limits limits_;
    link_monitor monitor_;

    // This node.
    node_state state_ = node_state::listening;
    time_point since_;
    epoch epoch_; ///< the greatest known; its owner is this node while it owns
    bool maintenance_;
    local_health health_;
    bool was_reachable_ = false; ///< the service interfaces were up at some time
    effect effect_ = effect::none;
    aftermath after_ = aftermath::passive;
    time_point listen_since_;
    time_point listen_until_;  ///< when silence ends listening
    time_point start_limit_;   ///< initdead
    bool was_able_ = false;    ///< could have served at some time since the start
    bool woken_ = false;       ///< listens because it was asleep, not because it started
    bool heard_ = false;       ///< the peer was heard, or said goodbye, since listening began
    bool behind_ = false;      ///< late: what the peer said may be outdated until all that arrived was delivered
    time_point backoff_until_; ///< acquiring failed: not again before
    milliseconds backoff_ = limits::first_backoff;
    time_point settle_until_; ///< the service came back: claim nothing before
    time_point pause_until_;  ///< an offer was withdrawn: no claim beside a living peer before
    time_point asked_release_at_;
    time_point lapsed_at_; ///< since nobody renews the addresses they are gone by then, released or not
    /// The peer is offered the addresses until then; max: for as long as this node cannot serve.
    std::optional<time_point> offer_until_;
    bool declined_ = false; ///< the peer let an offer pass
    std::optional<time_point> inferior_since_;
    std::optional<time_point> well_since_;
    doubt doubt_ = doubt::none;
    flap_damper damper_;
    bool unsteady_ = false; ///< it was told
    bool held_back_ = false; ///< it was told: no ping node answers
    std::optional<time_point> pinging_since_; ///< the peer is silent, and ping nodes are asked whether this node is cut off
    std::optional<time_point> reached_at_;    ///< the last answer to what was asked since then
    time_point next_ping_;
    enum class witness : std::uint8_t { unasked, asked, granted };
    witness witness_ = witness::unasked;
    std::uint32_t witness_number_ = 0; ///< of the last question
    time_point witness_since_;         ///< it was granted
    time_point witness_until_;         ///< asked: the answer's limit; granted: until then it counts; unasked: ask no earlier

    // The peer.
    node_report peer_;
    std::uint64_t newest_ = 0;
    bool known_ = false;
    bool alive_ = false;
    bool late_ = false;
    bool gone_ = false;     ///< said goodbye
    bool owned_ = false;    ///< the addresses, when it was heard last
    time_point deaf_until_; ///< a session that said goodbye is not believed until

    // Requests.
    struct pending {
        operator_request request;
        time_point limit;
        bool internal = false; ///< the machine's own wish: nobody waits for an answer
    };
    std::optional<pending> pending_;
    std::uint32_t request_number_ = 0; ///< this node asks the peer, 0: it does not
    std::uint32_t last_number_ = 0;
    std::uint32_t answered_ = 0; ///< the peer's request that was answered
    refusal answer_ = refusal::none;

    // Heartbeats and the current step.
    time_point next_heartbeat_;
    time_point next_refresh_;
    time_point last_sent_at_;
    std::optional<node_report> sent_;
    time_point deadline_;
    time_point now_;
    bool timer_ = false;
    std::vector<action>* out_ = nullptr;
};

} // namespace cluster::failover
