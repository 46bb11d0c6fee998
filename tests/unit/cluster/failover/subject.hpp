// SPDX-License-Identifier: Apache-2.0
// A machine on the bench: events go in at virtual milliseconds, whole lists of actions come out as text.
#pragma once

#include "failover/machine.hpp"

#include <string>
#include <vector>

namespace bench {

using namespace cluster::failover;
using cluster::epoch;
using cluster::milliseconds;
using cluster::node_id;
using cluster::node_report;
using cluster::node_state;

using lines = std::vector<std::string>;

inline std::string text(epoch e) { return std::to_string(e.counter) + "/" + std::string(to_string(e.owner)); }

inline std::string text(node_report const& r) {
    std::string s = std::string(to_string(r.state)) + " " + text(r.epoch);
    s += r.offered ? " offers" : "";
    s += r.maintenance ? " maintenance" : "";
    s += r.takeover_request != 0 ? " asks-" + std::to_string(r.takeover_request) : "";
    s +=
        r.takeover_answer != 0 ? " answers-" + std::to_string(r.takeover_answer) + "-" + std::to_string(r.refusal) : "";
    return s;
}

inline std::string text(notify const& n) {
    switch (n.what) {
    case notify::kind::state_changed:
        return std::string(to_string(n.from)) + " -> " + std::string(to_string(n.to));
    case notify::kind::peer_alive:
        return "peer alive";
    case notify::kind::peer_late:
        return "peer late";
    case notify::kind::peer_dead:
        return "peer dead";
    case notify::kind::link_up:
        return "link " + std::to_string(n.link) + " up";
    case notify::kind::link_down:
        return "link " + std::to_string(n.link) + " down";
    case notify::kind::dual_active:
        return "dual active";
    case notify::kind::was_asleep:
        return "was asleep";
    case notify::kind::maintenance:
        return "maintenance";
    case notify::kind::unsteady:
        return "unsteady";
    case notify::kind::steady:
        return "steady";
    case notify::kind::held_back:
        return "held back";
    case notify::kind::witness_asked:
        return "witness asked";
    case notify::kind::witness_refused:
        return "witness refused";
    }
    return "?";
}

inline std::string text(action const& a) {
    struct {
        std::string operator()(send_heartbeat const& x) const { return "beat " + text(x.report); }
        std::string operator()(acquire_addresses const& x) const {
            return "acquire " + text(x.epoch) + (x.planned ? " planned" : "");
        }
        std::string operator()(refresh_addresses const&) const { return "refresh"; }
        std::string operator()(release_addresses const& x) const { return x.planned ? "release planned" : "release"; }
        std::string operator()(announce_addresses const&) const { return "announce"; }
        std::string operator()(send_goodbye const&) const { return "goodbye"; }
        std::string operator()(persist const& x) const {
            return "persist " + text(x.epoch) + (x.maintenance ? " maintenance" : "");
        }
        std::string operator()(ask_ping_nodes const&) const { return "ping"; }
        std::string operator()(ask_witness const& x) const { return "ask witness " + std::to_string(x.number) + " about " + text(x.epoch); }
        std::string operator()(answer_request const& x) const {
            return "answer " + std::to_string(x.id) + ": " + std::string(to_string(x.reason));
        }
        std::string operator()(notify const& x) const { return bench::text(x); }
    } const visitor;
    return std::visit(visitor, a);
}

/// What a peer says: fit to serve unless told otherwise.
inline node_report says(node_state s, epoch e = {}) {
    node_report r;
    r.state = s;
    r.epoch = e;
    r.ready = r.service_ok = r.synchronised = true;
    return r;
}

inline node_report offering(epoch e) {
    node_report r = says(node_state::passive, e);
    r.offered = true;
    return r;
}

constexpr local_health fit{.ready = true, .service_ok = true, .synchronised = true};

class subject {
public:
    explicit subject(node_id self, std::size_t links = 1) {
        settings.self = self;
        settings.links = links;
        begin();
    }
    explicit subject(machine_settings s) : settings(s) { begin(); }

    /// What follows from `e` at `at` ms.
    lines at(double ms, event const& e) {
        std::vector<action> out;
        machine_->step(point(ms), e, out);
        lines l;
        for (action const& a : out)
            l.push_back(text(a));
        return l;
    }
    lines timer(double ms) { return at(ms, timer_expired{}); }
    lines hears(double ms, node_report const& r, std::size_t link = 0) {
        return at(ms, heartbeat_received{link, r, 0});
    }
    /// A ping node answers what it was asked at `asked`.
    lines reaches(double ms, double asked) { return at(ms, ping_node_answered{point(asked)}); }
    lines asks(double ms, request what, std::uint32_t id = 7) { return at(ms, operator_request{what, id}); }

    /// Lets time pass as a good driver does: every deadline until `until` ms is delivered when it is due.
    lines pass(double until) {
        lines all;
        while (machine_->deadline() <= point(until)) {
            auto const next =
                std::chrono::duration<double, std::milli>(machine_->deadline().time_since_epoch()).count();
            for (std::string& l : timer(next))
                all.push_back(std::move(l));
        }
        return all;
    }
    /// The same without the heartbeats, renewals and pings that say nothing new.
    lines news(double until) {
        lines all = pass(until);
        std::erase_if(all, [](std::string const& l) { return l.starts_with("beat") || l == "refresh" || l == "ping"; });
        return all;
    }

    [[nodiscard]] node_report report() const { return machine_->report(); }
    [[nodiscard]] node_state state() const { return machine_->report().state; }
    [[nodiscard]] epoch known() const { return machine_->report().epoch; }
    [[nodiscard]] double deadline() const {
        return std::chrono::duration<double, std::milli>(machine_->deadline().time_since_epoch()).count();
    }
    [[nodiscard]] machine& get() { return *machine_; }
    static time_point point(double ms) {
        return time_point(std::chrono::nanoseconds(static_cast<std::int64_t>(ms * 1e6 + 0.5)));
    }

    // Ways to a state, all at about 0 ms.
    subject& passive(node_report const& peer) {
        timer(0);
        at(0, fit);
        hears(0, peer);
        return *this;
    }
    /// Passive beside an active peer with epoch 5.
    subject& beside_active() { return passive(says(node_state::active, {5, cluster::peer_of(settings.self)})); }
    /// Active, with a passive peer that could take over.
    subject& active() {
        timer(0);
        at(0, fit);
        hears(0, says(node_state::passive));
        hears(0, offering({}));
        at(0, addresses_acquired{true});
        hears(0, says(node_state::passive, known()));
        return *this;
    }

    machine_settings settings;

private:
    void begin() { machine_.emplace(settings, point(0)); }
    std::optional<machine> machine_;
};

} // namespace bench
