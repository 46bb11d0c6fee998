// SPDX-License-Identifier: Apache-2.0
// What a run looks like to people: "[  2275] 1 take (6, secondary)".
#include "world.hpp"

#include <cstdio>

namespace sim {

using namespace cluster::failover;
using cluster::to_string;

static std::string text(cluster::epoch e) {
    return "(" + std::to_string(e.counter) + ", " + std::string(to_string(e.owner)) + ")";
}

static std::string text(cluster::node_report const& r) {
    std::string s = std::string(to_string(r.state)) + " " + text(r.epoch);
    s += r.ready ? " ready" : " not-ready";
    s += r.service_ok ? "" : " no-service";
    s += r.maintenance ? " maintenance" : "";
    s += r.offered ? " offers" : "";
    if (r.takeover_request != 0)
        s += " asks " + std::to_string(r.takeover_request);
    if (r.takeover_answer != 0)
        s += " answers " + std::to_string(r.takeover_answer) + ": " + std::to_string(r.refusal);
    return s;
}

static std::string text(notify const& n) {
    using kind = notify::kind;
    std::string const reason = n.reason;
    switch (n.what) {
    case kind::state_changed:
        return std::string(to_string(n.from)) + " -> " + std::string(to_string(n.to)) + ": " + reason;
    case kind::peer_alive:
        return "peer alive";
    case kind::peer_late:
        return "peer late: " + reason;
    case kind::peer_dead:
        return "peer dead: " + reason;
    case kind::link_up:
        return "link " + std::to_string(n.link) + " up: " + reason;
    case kind::link_down:
        return "link " + std::to_string(n.link) + " down: " + reason;
    case kind::dual_active:
        return "dual active: " + reason;
    case kind::was_asleep:
        return "was asleep";
    case kind::maintenance:
        return "maintenance: " + reason;
    case kind::unsteady:
        return "unsteady: " + reason;
    case kind::steady:
        return "steady: " + reason;
    case kind::held_back:
        return "held back: " + reason;
    case kind::witness_asked:
        return "asks the witness";
    case kind::witness_refused:
        return "the witness refuses: " + reason;
    }
    return "?";
}

void world::note(std::size_t n, std::string const& line) {
    if (trace_ == nullptr || detail_ == detail::nothing)
        return;
    std::array<char, 40> head{};
    bool const whole = now_ % ms == 0 || detail_ == detail::events;
    if (whole)
        std::snprintf(head.data(), head.size(), "[%6lld] ", static_cast<long long>(now_ / ms));
    else
        std::snprintf(head.data(), head.size(), "[%10.3f] ", static_cast<double>(now_) / static_cast<double>(ms));
    *trace_ += head.data();
    *trace_ += n > 1 ? "- " : n == 0 ? "1 " : "2 ";
    *trace_ += line;
    *trace_ += '\n';
}

void world::trace_action(std::size_t n, action const& a) {
    if (auto const* beat = std::get_if<send_heartbeat>(&a)) {
        if (detail_ == detail::datagrams)
            note(n, "says " + text(beat->report));
    } else if (auto const* acquire = std::get_if<acquire_addresses>(&a)) {
        note(n, "take " + text(acquire->epoch));
    } else if (std::holds_alternative<release_addresses>(a)) {
        note(n, "drop");
    } else if (std::holds_alternative<announce_addresses>(a)) {
        note(n, "announce");
    } else if (std::holds_alternative<send_goodbye>(a)) {
        note(n, "goodbye");
    } else if (std::holds_alternative<cluster::failover::ask_ping_nodes>(a)) {
        if (detail_ == detail::datagrams)
            note(n, "ping");
    } else if (std::holds_alternative<refresh_addresses>(a)) {
        if (detail_ == detail::datagrams)
            note(n, "renew");
    } else if (auto const* answer = std::get_if<answer_request>(&a)) {
        note(n, "answer: " + std::string(to_string(answer->reason)));
    } else if (auto const* told = std::get_if<notify>(&a)) {
        note(n, text(*told));
    }
}

} // namespace sim
