// SPDX-License-Identifier: Apache-2.0
// The failover machine's actions, carried out.
#include "net/driver.hpp"

namespace cluster::net {
namespace {

using kind = failover::notify::kind;

std::string because(char const* reason) { return *reason != '\0' ? ": " + std::string{reason} : std::string{}; }

std::string kind_of(kind k) {
    switch (k) {
    case kind::state_changed:
        return "state";
    case kind::peer_alive:
    case kind::peer_late:
    case kind::peer_dead:
        return "peer";
    case kind::link_up:
    case kind::link_down:
        return "link";
    case kind::dual_active:
        return "conflict";
    case kind::was_asleep:
        return "stall";
    case kind::maintenance:
        return "maintenance";
    case kind::unsteady:
    case kind::steady:
        return "flapping";
    case kind::held_back:
        return "isolation";
    case kind::witness_asked:
    case kind::witness_refused:
        return "witness";
    }
    return "error";
}

bool important(failover::notify const& n) {
    switch (n.what) {
    case kind::state_changed:
        return n.to == node_state::active || n.from == node_state::active;
    case kind::peer_alive:
    case kind::peer_late:
    case kind::steady:
    case kind::witness_asked:
        return false;
    default:
        return true;
    }
}

} // namespace

void driver::carry_out(failover::send_heartbeat const& a) { paths_.send_all(a.report, now_); }

void driver::carry_out(failover::acquire_addresses const& a) { keeper_.acquire(a.planned); }

void driver::carry_out(failover::refresh_addresses const&) { keeper_.refresh(); }

void driver::carry_out(failover::release_addresses const& a) {
    announcer_.stop();
    keeper_.release(a.planned);
}

void driver::carry_out(failover::announce_addresses const&) { announcer_.start(now_); }

void driver::carry_out(failover::send_goodbye const&) {
    paths_.send_goodbyes();
    said_goodbye_ = true;
    finished_ = true;
}

void driver::carry_out(failover::persist const& a) {
    if (callbacks_.persist) {
        callbacks_.persist(a.epoch, a.maintenance);
    }
}

void driver::carry_out(failover::ask_witness const& a) {
    auto answer = [this, number = a.number](bool granted) {
        commands_.post([number, granted](driver& d) { d.step(failover::witness_answered{number, granted}); });
    };
    if (callbacks_.witness) {
        callbacks_.witness(a.epoch, std::move(answer));
    } else {
        answer(false);
    }
}

void driver::carry_out(failover::answer_request const& a) {
    auto const at = requests_.find(a.id);
    if (at == requests_.end()) {
        return;
    }
    auto const done = std::move(at->second.done);
    requests_.erase(at);
    publish(); // who asks for the status next sees what the answer says
    if (!done) {
        return;
    }
    if (a.reason == failover::refusal::none) {
        done({});
        return;
    }
    auto const code = a.reason == failover::refusal::timed_out ? balance::errc::timed_out : balance::errc::refused;
    done(balance::make_error(code, std::string{to_string(a.reason)}));
}

void driver::carry_out(failover::notify const& a) {
    std::string text;
    auto const link = [&] { return a.link < paths_.size() ? paths_.settings(a.link).name : std::to_string(a.link); };
    switch (a.what) {
    case kind::state_changed:
        text = std::string{to_string(a.from)} + " -> " + std::string{to_string(a.to)} + because(a.reason);
        break;
    case kind::peer_alive:
        text = "the peer is alive" + because(a.reason);
        break;
    case kind::peer_late:
        text = "the peer is late" + because(a.reason);
        break;
    case kind::peer_dead:
        text = "the peer is dead" + because(a.reason);
        break;
    case kind::link_up:
        text = "link " + link() + " is up" + because(a.reason);
        break;
    case kind::link_down:
        text = "link " + link() + " is down" + because(a.reason);
        break;
    case kind::dual_active:
        text = "both nodes owned the addresses" + because(a.reason);
        break;
    case kind::was_asleep:
        text = "this node was asleep" + because(a.reason);
        break;
    case kind::maintenance:
        text = "maintenance" + because(a.reason);
        break;
    case kind::unsteady:
        text = "the addresses moved unplanned " + std::to_string(settings_.timing.flap_limit) + " times within flap_window" +
               because(a.reason);
        break;
    case kind::steady:
        text = "the addresses have kept still" + because(a.reason);
        break;
    case kind::held_back:
        text = "the peer is silent, but no ping node answers this node either, so it does not take over" + because(a.reason);
        break;
    case kind::witness_asked:
        text = "the peer is silent: the witness is asked whether this node may take over";
        break;
    case kind::witness_refused:
        text = "the witness does not let this node take over" + because(a.reason) + "; it is asked again while the peer is silent";
        break;
    }
    changed_ = true;
    if (callbacks_.event) {
        callbacks_.event({.kind = kind_of(a.what),
                          .text = std::move(text),
                          .state = a.what == kind::state_changed ? a.to : status_.state,
                          .epoch = a.epoch,
                          .important = important(a),
                          .maintenance = machine_.report().maintenance,
                          .service_ok = health_.service_ok,
                          .from = a.from,
                          .reason = a.reason});
    }
}

void driver::tell(std::string event_kind, std::string text, bool is_important) {
    changed_ = true;
    if (callbacks_.event) {
        auto const report = machine_.report();
        callbacks_.event({.kind = std::move(event_kind),
                          .text = std::move(text),
                          .state = report.state,
                          .epoch = report.epoch,
                          .important = is_important,
                          .maintenance = report.maintenance,
                          .service_ok = health_.service_ok});
    }
}

} // namespace cluster::net
