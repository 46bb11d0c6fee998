// SPDX-License-Identifier: Apache-2.0
// Events: facts are noted here; what follows from them is in machine_rules.cpp.
#include "failover/insist.hpp"
#include "failover/machine.hpp"
#include "failover/ownership.hpp"
#include "failover/transition_table.hpp"

namespace cluster::failover {

/// docs/FAILOVER.md, "Asleep": a step that comes more than deadtime too late. The peer may own the addresses by now.
void machine::notice_sleep() {
    if (now_ <= deadline_)
        return;
    auto const late = now_ - deadline_;
    if (late > settings_.timing.keepalive)
        behind_ = true; // until the timer: then all that had arrived was delivered
    if (late <= settings_.timing.deadtime)
        return;
    tell(notify::kind::was_asleep, "this node did not run for longer than deadtime");
    monitor_.was_deaf(now_);
    late_ = heard_ = false;
    woken_ = true;
    listen_since_ = now_;
    listen_until_ = now_ + settings_.timing.deadtime;
    if (!known_)
        listen_until_ = std::max(listen_until_, start_limit_);
    bool const stopping = pending_ && pending_->request.what == request::stop;
    if (pending_ && !stopping)
        finish_request(refusal::not_listened);
    offer_until_.reset();
    forget_witness();
    forget_pings();
    if (owns(state_) && known_)
        moved_unplanned();
    if (owns(state_))
        release(stopping ? aftermath::stop : aftermath::listen, "this node was asleep");
    else if (state_ == node_state::releasing && after_ != aftermath::stop)
        after_ = aftermath::listen;
    else if (state_ == node_state::passive)
        become(node_state::listening, "this node was asleep");
}

void machine::on(heartbeat_received const& h) {
    if (state_ == node_state::stopped || now_ < deaf_until_)
        return;
    bool const overtaken = h.sequence != 0 && h.sequence <= newest_;
    if (overtaken && !alive_)
        return; // sent before the peer fell silent
    if (monitor_.heard(h.link, now_))
        tell(notify::kind::link_up, "the peer is heard on this link", h.link);
    late_ = false;
    if (overtaken)
        return;
    if (!alive_) {
        alive_ = known_ = true;
        gone_ = false;
        forget_witness();
        tell(notify::kind::peer_alive, "the peer is heard");
    }
    newest_ = std::max(newest_, h.sequence);
    peer_ = h.report;
    owned_ = owns(peer_.state);
    heard_ = true;
    if (peer_.epoch > epoch_)
        adopt(peer_.epoch);
}

/// What it was asked about is over, and what it said no longer true.
void machine::forget_witness() {
    witness_ = witness::unasked;
    witness_until_ = now_;
}

/// The peer knows a greater epoch: docs/FAILOVER.md, "Both active".
void machine::adopt(epoch e) {
    if (owns(state_) && !owns(peer_.state)) {
        // It had claimed while the two could not hear each other, and owns nothing now: go above it, and be found
        // again.
        epoch_ = {e.counter + 1, settings_.self};
        doubt_ = doubt::both;
    } else {
        if (owns(state_)) {
            tell(notify::kind::dual_active,
                 "both nodes owned the addresses; the peer's epoch is greater, this node yields");
            epoch_ = e;
            moved_unplanned();
            release(pending_ && pending_->request.what == request::stop ? aftermath::stop : aftermath::passive,
                    "the peer's epoch is greater");
        }
        epoch_ = e;
    }
    persist_now();
}

void machine::on(peer_restarted const&) {
    deaf_until_ = now_;
    newest_ = 0;
    answered_ = 0;
    answer_ = refusal::none;
    peer_ = node_report{};
}

void machine::on(goodbye_received const&) {
    if (state_ == node_state::stopped)
        return;
    newest_ = 0;
    answered_ = 0;
    answer_ = refusal::none;
    peer_ = node_report{};
    peer_.state = node_state::stopped;
    known_ = gone_ = heard_ = true;
    late_ = false;
    deaf_until_ = now_ + settings_.timing.deadtime; // for datagrams that the goodbye overtook
    for (std::size_t i = 0; i < monitor_.links().size(); ++i)
        monitor_.silence(i);
    if (state_ == node_state::active && doubt_ != doubt::none)
        out_->push_back(announce_addresses{}); // its addresses are off now, neighbours may still ask for them there
    if (owns(state_))
        doubt_ = doubt::silent;
    if (!alive_)
        return;
    alive_ = false;
    tell(notify::kind::peer_dead, "the peer said goodbye");
}

void machine::on(link_changed const& l) {
    if (state_ == node_state::stopped || !monitor_.set_usable(l.link, l.usable))
        return;
    tell(l.usable ? notify::kind::link_up : notify::kind::link_down,
         l.usable ? "its interface is usable again" : "its interface is down or lost the local address", l.link);
}

void machine::on(local_health const& h) {
    if (h.service_ok && !health_.service_ok && was_reachable_ && has_peer())
        settle_until_ = now_ + limits_.settle; // the peer may have claimed while nothing reached this node
    was_reachable_ = was_reachable_ || h.service_ok;
    health_ = h;
    was_able_ = was_able_ || able_now();
}

void machine::on(addresses_acquired const& r) {
    if (state_ == node_state::releasing && lapsed_at_ == time_point::max())
        lapsed_at_ = now_ + settings_.lifetime; // it came too late: a release was asked for since
    if (state_ != node_state::acquiring || effect_ != effect::acquiring)
        return;
    effect_ = effect::none;
    if (r.ok) {
        backoff_ = limits::first_backoff;
        become(node_state::active, "the addresses are on");
        out_->push_back(announce_addresses{});
        if (pending_)
            finish_request(pending_->request.what == request::takeover ? refusal::none : refusal::timed_out);
        request_number_ = 0;
        return;
    }
    give_up_acquiring("the addresses could not be put on");
}

/// What may be on by now is taken off, and the peer is offered the rest.
void machine::give_up_acquiring(char const* reason) {
    if (alive_)
        moved_unplanned(); // they were let go for us, and go back
    backoff_until_ = now_ + backoff_;
    backoff_ = std::min(2 * backoff_, limits::last_backoff);
    if (pending_)
        finish_request(refusal::effect_failed);
    release(aftermath::passive, reason);
}

void machine::on(addresses_released const& r) {
    if (state_ != node_state::releasing || effect_ != effect::releasing)
        return;
    if (r.ok)
        return released();
    effect_ = effect::none;
}

void machine::on(witness_answered const& a) {
    if (witness_ != witness::asked || a.number != witness_number_)
        return;
    witness_ = a.granted ? witness::granted : witness::unasked;
    witness_since_ = now_;
    witness_until_ = now_ + (a.granted ? limits::witness_counts : settings_.witness_pause);
    if (!a.granted)
        tell(notify::kind::witness_refused, "it did not say yes");
}

void machine::on(timer_expired const&) {
    behind_ = false;
    if (state_ != node_state::stopped)
        watch_silence();
}

/// Silence is judged here only, after everything that had arrived was heard.
void machine::watch_silence() {
    for (std::size_t i = 0; i < monitor_.links().size(); ++i) {
        if (monitor_.links()[i].alive && now_ - monitor_.links()[i].last_heard >= settings_.timing.deadtime) {
            monitor_.silence(i);
            tell(notify::kind::link_down, "silent for deadtime", i);
        }
    }
    if (!alive_)
        return;
    auto const silence = now_ - monitor_.silent_since();
    if (!late_ && silence >= settings_.timing.warntime) {
        late_ = true;
        tell(notify::kind::peer_late, "silent for warntime");
    }
    if (silence < settings_.timing.deadtime)
        return;
    alive_ = false;
    tell(notify::kind::peer_dead, "silent on every link for deadtime");
    if (owns(state_) && doubt_ == doubt::none)
        doubt_ = doubt::silent;
}

} // namespace cluster::failover
