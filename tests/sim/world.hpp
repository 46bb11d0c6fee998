// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conditions.hpp"
#include "coverage.hpp"
#include "host.hpp"
#include "network.hpp"
#include "referee.hpp"

#include <array>
#include <string>
#include <vector>

namespace sim {

/// Two nodes, the links between them, and virtual time. The same calls on the same seed give the same run.
class world {
public:
    enum class crash_kind : std::uint8_t { guarded, all, power };
    enum class detail : std::uint8_t { nothing, events, datagrams };

    /// `trace`, when there is one, gets a line for all that is worth telling; must outlive the world.
    world(conditions const& c, random dice, std::string* trace = nullptr, detail d = detail::events);
    world(world const&) = delete;
    world& operator=(world const&) = delete;

    /// Runs until `until` or until a rule is broken.
    void run_until(instant until);
    [[nodiscard]] instant now() const noexcept { return now_; }

    // What can be done to a node. Nothing happens where it makes no sense (a dead process does not stall).
    void start(std::size_t n);
    void start_later(std::size_t n, instant delay);
    void crash(std::size_t n, crash_kind kind, instant restart_after);
    void stall(std::size_t n, instant duration, bool watched);
    /// False when nobody is there to be asked.
    bool ask(std::size_t n, cluster::failover::request what);
    /// To be called after the surroundings of a node were changed.
    void tell_health(std::size_t n);
    void tell_link(std::size_t n, std::size_t link);
    /// Everything works again, and everybody runs.
    void heal();
    void note(std::size_t n, std::string const& text);

    [[nodiscard]] host& at(std::size_t n) noexcept { return hosts_[n]; }
    [[nodiscard]] network& net() noexcept { return network_; }
    [[nodiscard]] random& dice() noexcept { return dice_; }
    [[nodiscard]] referee& judge() noexcept { return referee_; }
    [[nodiscard]] coverage& covered() noexcept { return coverage_; }
    [[nodiscard]] conditions const& surroundings() const noexcept { return conditions_; }
    [[nodiscard]] cluster::node_state state(std::size_t n) const noexcept;
    /// Which node neighbours send to: the last one that announced.
    [[nodiscard]] int neighbour() const noexcept { return neighbour_; }
    /// The last answer an operator got.
    bool witness_is_well_ = false; ///< it answers at once, and yes
    [[nodiscard]] cluster::failover::refusal last_answer() const noexcept { return last_answer_; }
    [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
    /// Longest additional delay on a slow link, and loss on a lossy one in parts of a million.
    [[nodiscard]] instant slowness() const noexcept { return conditions_.keepalive(); }
    std::uint32_t loss = 300'000;

private:
    enum class what : std::uint8_t { timer, arrival, effect, health, link, request, guardian, start, prepared, wake, witness, ping_round, pinged };

    void happen(occurrence const& o);
    void to_process(occurrence const& o);
    void wake(std::size_t n);
    void end_process(std::size_t n);
    void guardian_acts(std::size_t n, std::uint32_t session);
    void receive(std::size_t n, packet const& p);
    void transmit(packet p);
    void broadcast(std::size_t n, packet::kind kind, std::uint32_t session);
    void step(std::size_t n, cluster::failover::event const& e, instant sent = 0);
    void perform(std::size_t n, cluster::failover::action const& a);
    void ask_ping_nodes(std::size_t n);
    void begin_effect(std::size_t n, bool acquire);
    void finish_effect(std::size_t n, bool acquire, bool ok);
    void watch_deadline(std::size_t n);
    void trace_action(std::size_t n, cluster::failover::action const& a);
    void mix(std::uint64_t value) noexcept { hash_ = (hash_ ^ value) * 0x100000001b3U; }
    void queue(instant at, what w, std::size_t n, std::size_t small = 0, std::uint32_t large = 0);

    conditions conditions_;
    random dice_;
    event_queue queue_;
    network network_;
    std::array<host, 2> hosts_;
    referee referee_;
    coverage coverage_;
    std::vector<cluster::failover::action> actions_;
    instant now_ = 0;
    std::uint32_t sessions_ = 0;
    std::uint32_t requests_ = 0;
    int neighbour_ = -1;
    cluster::failover::refusal last_answer_ = cluster::failover::refusal::none;
    std::uint64_t hash_ = 0xcbf29ce484222325U;
    std::string* trace_;
    detail detail_;
};

} // namespace sim
