// SPDX-License-Identifier: Apache-2.0
#include "world.hpp"

#include "failover/transition_table.hpp"

#include <algorithm>

namespace sim {

using namespace cluster::failover;
using cluster::milliseconds;
using cluster::node_id;
using cluster::node_state;

static time_point point(instant t) { return time_point(std::chrono::nanoseconds(t)); }
static instant since_start(time_point t) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
}

world::world(conditions const& c, random dice, std::string* trace, detail d)
    : conditions_(c), dice_(dice), referee_(conditions_, c.delay + c.jitter + slowness()), trace_(trace), detail_(d) {}

node_state world::state(std::size_t n) const noexcept {
    host const& h = hosts_[n];
    return h.process != host::process_state::dead ? h.machine->report().state : node_state::stopped;
}

void world::queue(instant at, what w, std::size_t n, std::size_t small, std::uint32_t large) {
    queue_.add(at, static_cast<std::uint8_t>(w), static_cast<std::uint8_t>(n), static_cast<std::uint16_t>(small),
               large);
}

void world::run_until(instant until) {
    while (!queue_.empty() && queue_.next() <= until && !referee_.found()) {
        occurrence const o = queue_.take();
        now_ = o.at;
        happen(o);
    }
    if (!referee_.found())
        now_ = std::max(now_, until);
}

void world::happen(occurrence const& o) {
    switch (static_cast<what>(o.what)) {
    case what::guardian:
        return guardian_acts(o.node, o.large);
    case what::start:
        if (hosts_[o.node].process == host::process_state::dead && o.large == hosts_[o.node].incarnation)
            start(o.node);
        return;
    case what::wake:
        if (hosts_[o.node].process == host::process_state::stalled && o.large == hosts_[o.node].incarnation)
            wake(o.node);
        return;
    case what::timer:
        if (o.large == hosts_[o.node].timer_version)
            hosts_[o.node].timer_at = -1;
        else
            return;
        break;
    default:
        break;
    }
    host& h = hosts_[o.node];
    bool const datagram = static_cast<what>(o.what) == what::arrival;
    bool const lost = datagram && h.inbox.size() >= 128; // a full socket buffer keeps the oldest
    if (h.process == host::process_state::running)
        to_process(o);
    else if (h.process == host::process_state::stalled && !lost && static_cast<what>(o.what) != what::timer)
        h.inbox.push_back(o);
    else if (datagram)
        network_.take(o.large);
}

/// Something that a running process notices.
void world::to_process(occurrence const& o) {
    std::size_t const n = o.node;
    host& h = hosts_[n];
    switch (static_cast<what>(o.what)) {
    case what::timer:
        if (h.machine->deadline() <= point(now_))
            step(n, timer_expired{});
        else
            watch_deadline(n);
        break;
    case what::arrival:
        receive(n, network_.take(o.large));
        break;
    case what::effect:
        if (o.small == h.incarnation)
            finish_effect(n, (o.large & 1U) != 0, (o.large & 2U) != 0);
        break;
    case what::prepared:
        if (o.small != h.incarnation)
            break;
        h.prepared = true;
        [[fallthrough]];
    case what::health: {
        step(n, local_health{.ready = h.prepared && h.not_ready == 0,
                             .service_ok = h.service_down == 0,
                             .synchronised = h.prepared,
                             .pings_answering = static_cast<std::uint8_t>(h.pings.answering(conditions_.pings)),
                             .pings_configured = conditions_.pings});
        break;
    }
    case what::link:
        step(n, link_changed{o.small, network_.interface_down(o.small, n) == 0});
        break;
    case what::ping_round:
        if (o.small != h.incarnation)
            break;
        queue(now_ + ping_nodes::interval, what::ping_round, n, h.incarnation);
        tell_health(n);
        ask_ping_nodes(n);
        h.pings.round(conditions_.pings);
        break;
    case what::pinged:
        if (o.small == h.incarnation)
            step(n, ping_node_answered{point(h.pings.asked[o.large])});
        break;
    case what::witness:
        if (o.small == h.incarnation) {
            if ((o.large & 1U) != 0)
                referee_.granted(n, now_);
            step(n, witness_answered{o.large >> 1U, (o.large & 1U) != 0});
        }
        break;
    case what::request:
        if (o.small >> 8U == (h.incarnation & 0xffU))
            step(n, operator_request{static_cast<request>(o.small & 0xffU), o.large});
        break;
    default:
        break;
    }
}

void world::start_later(std::size_t n, instant delay) { queue(now_ + delay, what::start, n, 0, hosts_[n].incarnation); }

void world::start(std::size_t n) {
    host& h = hosts_[n];
    if (h.process != host::process_state::dead)
        return;
    note(n, "* starts");
    ++h.incarnation;
    h.process = host::process_state::running;
    h.session = ++sessions_;
    h.sequence = 0;
    h.peer = {};
    h.started = now_;
    h.prepared = false;
    h.addresses.on = false; // a new process takes off what the last one left
    h.effects_busy_until = h.patience = now_;
    h.failures = 0;
    h.timer_at = -1;
    machine_settings s;
    s.self = n == 0 ? node_id::primary : node_id::secondary;
    s.timing = conditions_.timing;
    s.links = conditions_.links;
    s.epoch = h.disk.epoch;
    s.maintenance = h.disk.maintenance;
    s.refresh = milliseconds(conditions_.lifetime / ms / 4);
    s.lifetime = milliseconds(conditions_.lifetime / ms);
    if (conditions_.witness) {
        s.witness_limit = milliseconds(1500);
        s.witness_pause = milliseconds(500);
    }
    h.machine.emplace(s, point(now_));
    referee_.started(n, now_, h);
    queue(now_, what::health, n);
    h.pings.start(conditions_.pings);
    if (conditions_.pings > 0)
        queue(now_, what::ping_round, n, h.incarnation);
    queue(now_ + conditions_.preparation, what::prepared, n, h.incarnation);
    watch_deadline(n);
}

void world::end_process(std::size_t n) {
    host& h = hosts_[n];
    h.process = host::process_state::dead;
    for (occurrence const& o : h.inbox)
        if (static_cast<what>(o.what) == what::arrival)
            network_.take(o.large);
    h.inbox.clear();
    referee_.ended(n, now_);
    if (h.lost_writes)
        h.disk = h.disk_before;
    h.lost_writes = false;
}

void world::crash(std::size_t n, crash_kind kind, instant restart_after) {
    host& h = hosts_[n];
    if (h.process == host::process_state::dead)
        return;
    note(n, kind == crash_kind::guarded ? "* process dies"
            : kind == crash_kind::all   ? "* everything is killed"
                                        : "* power off");
    end_process(n);
    if (kind == crash_kind::guarded)
        queue(now_ + dice_.between(ms, 5 * ms), what::guardian, n, 0, h.session);
    if (kind == crash_kind::power)
        h.addresses.on = false;
    start_later(n, std::max(restart_after, 10 * ms));
}

/// The process died, or does not answer: its addresses go, the peer hears the goodbye it left, and it is started again.
void world::guardian_acts(std::size_t n, std::uint32_t session) {
    host& h = hosts_[n];
    if (h.session != session || h.process == host::process_state::running)
        return;
    if (h.process == host::process_state::stalled) {
        note(n, "* guardian ends the process, which does not answer");
        end_process(n);
        start_later(n, 200 * ms);
    }
    h.addresses.on = false;
    note(n, "* guardian takes the addresses off and says goodbye");
    broadcast(n, packet::kind::goodbye, session);
}

void world::stall(std::size_t n, instant duration, bool watched) {
    host& h = hosts_[n];
    if (h.process != host::process_state::running)
        return;
    note(n, watched ? "* does not answer" : "* sleeps");
    h.process = host::process_state::stalled;
    h.stalled_at = now_;
    referee_.stalled(n);
    queue(now_ + duration, what::wake, n, 0, h.incarnation);
    if (watched)
        queue(now_ + conditions_.deadtime() * 6 / 10, what::guardian, n, 0, h.session);
}

/// The process runs again: first it hears everything that has arrived, then it looks at the clock.
void world::wake(std::size_t n) {
    host& h = hosts_[n];
    note(n, "* wakes");
    h.process = host::process_state::running;
    referee_.woke(n, now_, point(now_) - h.machine->deadline() > conditions_.timing.deadtime);
    std::vector<occurrence> arrived;
    arrived.swap(h.inbox);
    for (occurrence const& o : arrived) {
        if (h.process == host::process_state::running)
            to_process(o);
        else if (static_cast<what>(o.what) == what::arrival)
            network_.take(o.large);
    }
    h.timer_at = -1;
    if (h.process == host::process_state::running)
        watch_deadline(n);
}

bool world::ask(std::size_t n, request what_for) {
    host& h = hosts_[n];
    if (h.process == host::process_state::dead)
        return false;
    static constexpr std::array names{"takeover", "handover", "maintenance on", "maintenance off", "stop"};
    note(n, std::string("* operator: ") + names[static_cast<std::size_t>(what_for)]);
    std::uint32_t const id = ++requests_;
    referee_.asked(n, now_, what_for, id);
    queue(now_, what::request, n, static_cast<std::size_t>(what_for) | (h.incarnation & 0xffU) << 8U, id);
    return true;
}

void world::tell_health(std::size_t n) { queue(now_, what::health, n); }
void world::tell_link(std::size_t n, std::size_t link) { queue(now_, what::link, n, link); }

void world::heal() {
    note(2, "* all faults end");
    witness_is_well_ = true;
    network_.heal();
    for (std::size_t n = 0; n < 2; ++n) {
        host& h = hosts_[n];
        h.service_down = h.not_ready = h.acquire_fails = h.release_fails = h.slow_effects = 0;
        h.lost_writes = false;
        h.pings.lose(-h.pings.lost, conditions_.pings, now_);
        if (h.process == host::process_state::stalled)
            wake(n);
        if (h.process == host::process_state::dead)
            start_later(n, 100 * ms);
        tell_health(n);
        for (std::size_t l = 0; l < conditions_.links; ++l)
            tell_link(n, l);
    }
}

void world::receive(std::size_t n, packet const& p) {
    host& h = hosts_[n];
    session_memory& m = h.peer;
    if (p.what == packet::kind::challenge) {
        packet answer{
            packet::kind::response, static_cast<std::uint8_t>(n), p.link, h.session, p.session, ++h.sequence, now_,
            h.machine->report()};
        return transmit(answer);
    }
    if (p.session <= m.retired)
        return;
    if (p.session == m.believed) {
        if (p.what == packet::kind::goodbye) {
            m = {0, p.session, 0, 0};
            step(n, goodbye_received{});
        } else if (m.fresh(p.sequence)) {
            step(n, heartbeat_received{p.link, p.report, p.sequence}, p.sent);
        }
        return;
    }
    if (p.what == packet::kind::heartbeat)
        transmit({packet::kind::challenge, static_cast<std::uint8_t>(n), p.link, h.session, 0, 0, now_, {}});
    if (p.what != packet::kind::response || p.token != h.session)
        return;
    m = {p.session, p.session - 1, 0, 0};
    m.fresh(p.sequence);
    step(n, peer_restarted{});
    step(n, heartbeat_received{p.link, p.report, p.sequence}, p.sent);
}

void world::transmit(packet p) {
    auto const f = network_.decide(dice_, p, conditions_.delay, conditions_.jitter, slowness(), loss);
    for (std::size_t i = 0; i < f.copies; ++i)
        queue(now_ + f.delay[i], what::arrival, 1U - p.from, 0, network_.store(p));
}

void world::broadcast(std::size_t n, packet::kind kind, std::uint32_t session) {
    for (std::size_t l = 0; l < conditions_.links; ++l)
        transmit({kind, static_cast<std::uint8_t>(n), static_cast<std::uint8_t>(l), session, 0, 0, now_, {}});
}

void world::step(std::size_t n, event const& e, instant sent) {
    host& h = hosts_[n];
    if (referee_.found() || h.process != host::process_state::running)
        return;
    auto const before = h.machine->report().state;
    ++coverage_.events[e.index()][static_cast<std::size_t>(before)];
    ++coverage_.steps;
    referee_.before(n, now_, e, sent, hosts_);
    actions_.clear();
    h.machine->step(point(now_), e, actions_);
    mix(static_cast<std::uint64_t>(now_) * 2 + n);
    mix(e.index());
    for (std::size_t i = 0; i < actions_.size(); ++i) {
        mix(actions_[i].index());
        referee_.acted(n, now_, actions_[i], hosts_);
        if (trace_ != nullptr)
            trace_action(n, actions_[i]);
        perform(n, actions_[i]);
    }
    mix(static_cast<std::uint64_t>(h.machine->report().state));
    referee_.after(n, now_, hosts_);
    if (h.machine->report().state == node_state::stopped) {
        end_process(n);
        return;
    }
    watch_deadline(n);
}

void world::watch_deadline(std::size_t n) {
    host& h = hosts_[n];
    instant const deadline = std::max(since_start(h.machine->deadline()), now_);
    if (h.timer_at >= 0 && h.timer_at <= deadline)
        return;
    h.timer_at = deadline + (conditions_.lateness > 0 ? dice_.between(0, conditions_.lateness) : 0);
    queue(h.timer_at, what::timer, n, 0, ++h.timer_version);
}

void world::perform(std::size_t n, action const& a) {
    host& h = hosts_[n];
    if (auto const* beat = std::get_if<send_heartbeat>(&a)) {
        for (std::size_t l = 0; l < conditions_.links; ++l)
            transmit({packet::kind::heartbeat, static_cast<std::uint8_t>(n), static_cast<std::uint8_t>(l), h.session, 0,
                      ++h.sequence, now_, beat->report});
    } else if (std::holds_alternative<acquire_addresses>(a)) {
        begin_effect(n, true);
    } else if (std::holds_alternative<release_addresses>(a)) {
        begin_effect(n, false);
    } else if (std::holds_alternative<refresh_addresses>(a)) {
        h.addresses = {true, now_ + conditions_.lifetime};
    } else if (std::holds_alternative<announce_addresses>(a)) {
        if (h.service_down == 0)
            neighbour_ = static_cast<int>(n);
    } else if (std::holds_alternative<send_goodbye>(a)) {
        broadcast(n, packet::kind::goodbye, h.session);
    } else if (auto const* kept = std::get_if<persist>(&a)) {
        h.disk_before = h.disk;
        h.disk = {kept->epoch, kept->maintenance};
    } else if (std::holds_alternative<cluster::failover::ask_ping_nodes>(a)) {
        ask_ping_nodes(n);
    } else if (auto const* question = std::get_if<ask_witness>(&a)) {
        // Once the faults are over it is quick and says yes: only one node is left that asks.
        bool const yes = witness_is_well_ || dice_.chance(700'000);
        if (witness_is_well_ || dice_.chance(900'000))
            queue(now_ + (witness_is_well_ ? 0 : dice_.spread(ms, 2500 * ms)), what::witness, n, h.incarnation, question->number << 1U | (yes ? 1U : 0U));
    } else if (auto const* answer = std::get_if<answer_request>(&a)) {
        last_answer_ = answer->reason;
    } else if (auto const* told = std::get_if<notify>(&a)) {
        if (told->what == notify::kind::state_changed)
            ++coverage_.transitions[static_cast<std::size_t>(told->from)][static_cast<std::size_t>(told->to)];
    }
}

/// The answer of the quickest that can be reached then.
void world::ask_ping_nodes(std::size_t n) {
    host& h = hosts_[n];
    if (!h.pings.any(conditions_.pings))
        return;
    h.pings.asked.push_back(now_);
    queue(now_ + conditions_.ping_time, what::pinged, n, h.incarnation, static_cast<std::uint32_t>(h.pings.asked.size() - 1));
}

void world::begin_effect(std::size_t n, bool acquire) {
    host& h = hosts_[n];
    instant took = dice_.between(conditions_.effect_least, conditions_.effect_most);
    if (h.slow_effects > 0)
        took += dice_.spread(10 * ms, 1500 * ms);
    h.effects_busy_until = std::max(now_, h.effects_busy_until) + took;
    bool const ok = (acquire ? h.acquire_fails : h.release_fails) == 0;
    if (acquire && (ok || dice_.chance(500'000))) // one that fails may have put some on
        h.addresses = {true, now_ + conditions_.lifetime};
    queue(h.effects_busy_until, what::effect, n, h.incarnation, (acquire ? 1U : 0U) | (ok ? 2U : 0U));
}

void world::finish_effect(std::size_t n, bool acquire, bool ok) {
    referee_.effect_answered(n);
    if (acquire) {
        int& failures = hosts_[n].failures;
        failures = ok ? 0 : failures + 1;
        if (!ok)
            hosts_[n].patience = now_ + std::min<instant>(instant{1000} << std::min(failures - 1, 5), 30'000) * ms;
        if (ok)
            hosts_[n].addresses = {true, now_ + conditions_.lifetime};
        return step(n, addresses_acquired{ok});
    }
    if (ok)
        hosts_[n].addresses.on = false;
    step(n, addresses_released{ok});
}

} // namespace sim
