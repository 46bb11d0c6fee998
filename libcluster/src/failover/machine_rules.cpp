// SPDX-License-Identifier: Apache-2.0
// Rules: what follows from the facts. Each is a paragraph of docs/FAILOVER.md.
#include "failover/machine.hpp"
#include "failover/ownership.hpp"
#include "failover/transition_table.hpp"

namespace cluster::failover {

/// True when a rule changed the state, so that all have to be asked again.
bool machine::apply_rules() {
    if (alive_) {
        if (!late_)
            due(monitor_.silent_since() + settings_.timing.warntime);
        due(monitor_.silent_since() + settings_.timing.deadtime);
        for (link_monitor::link const& l : monitor_.links())
            if (l.alive)
                due(l.last_heard + settings_.timing.deadtime);
    }
    watch_request();
    rule_steady();
    rule_pings();
    node_state const before = state_;
    rule_peer_request();
    if (state_ != before)
        return true;
    switch (state_) {
    case node_state::listening:
        return rule_listening();
    case node_state::passive:
        return rule_passive();
    case node_state::acquiring:
    case node_state::active:
        return rule_owner();
    case node_state::releasing:
        return rule_releasing();
    case node_state::stopped:
        break;
    }
    return false;
}

/// "Listening": until the peer was heard, or long enough nothing was.
bool machine::rule_listening() {
    if (!has_peer()) {
        become(node_state::passive, "there is no peer to listen for");
        return true;
    }
    if (pending_ && pending_->request.what == request::stop) {
        leave();
        return true;
    }
    if (heard_) {
        // What a woken node finds in its buffers may be older than its sleep: two heartbeats have to pass.
        if (woken_ && !due(listen_since_ + limits_.settle))
            return false;
        become(node_state::passive, alive_ ? "the peer was heard" : "the peer has left");
        return true;
    }
    if (alive_ || !due(listen_until_))
        return false;
    become(node_state::passive, known_ ? "the peer was silent for deadtime" : "no peer was heard for initdead");
    return true;
}

bool machine::rule_passive() {
    if (rule_offering())
        return true;
    if (alive_ && peer_.state == node_state::active && pending_) {
        if (pending_->request.what == request::maintenance_on)
            set_maintenance(true);
        if (pending_->request.what == request::handover || pending_->request.what == request::maintenance_on)
            finish_request(refusal::none);
    }
    if (pending_ && pending_->request.what == request::stop && !offer_until_) {
        leave();
        return true;
    }
    return rule_claim() || rule_failback();
}

/// "Offers": an offer ends when the peer takes it, leaves, turns out unable, or lets it pass.
bool machine::rule_offering() {
    if (offer_until_) {
        if (!alive_)
            end_offer(refusal::peer_silent);
        else if (owns(peer_.state))
            end_offer(refusal::none);
        else if (!can_take(peer_))
            end_offer(why_not(peer_));
        else if (*offer_until_ == time_point::max() && able_now() && past(backoff_until_))
            offer_until_ = now_ + limits_.offer; // it may be taking them this very moment
        else if (*offer_until_ != time_point::max() && due(*offer_until_))
            end_offer(refusal::timed_out);
        return false;
    }
    if (!alive_ || behind_ || !can_take(peer_))
        return false;
    // On a cold boot the primary is to own the addresses, not whoever was ready first: it is waited for until initdead.
    if (settings_.self == node_id::primary && !was_able_ && !able_now() && !maintenance_ && !due(start_limit_))
        return false;
    if (!able_now() || now_ < backoff_until_)
        start_offer(time_point::max());
    else if (settings_.self == node_id::primary && !declined_ && worse_connected(report(), peer_))
        start_offer(now_ + limits_.offer);
    return false;
}

/// "Who takes": alone, whoever is able; beside a living passive peer the primary, or whoever is offered the addresses.
bool machine::rule_claim() {
    if (!able_now() || behind_ || offer_until_)
        return false;
    if (pending_ && pending_->request.what == request::stop)
        return false;
    if (!past(backoff_until_) || !past(settle_until_))
        return false;
    if (!alive_) {
        bool const alone = !gone_ && has_peer() && isolated();
        if (alone && settings_.timing.no_takeover_without_ping) {
            if (due(*pinging_since_ + limits_.settle) && !std::exchange(held_back_, true))
                tell(notify::kind::held_back, "no_takeover_without_ping is set");
            return false;
        }
        if (alone && known_ && !due(monitor_.silent_since() + 2 * settings_.timing.deadtime))
            return false; // the better connected node goes first
        if (has_peer() && !gone_ && !may_replace_silent_peer())
            return false;
        if (owned_)
            moved_unplanned();
        owned_ = false; // however often it has to be tried, this was one move
        claim(gone_ ? "the peer has left" : has_peer() ? "the peer is silent" : "there is no peer");
        return true;
    }
    if (peer_.state == node_state::stopped) {
        claim("the peer has left");
        return true;
    }
    bool const mine = peer_.offered || settings_.self == node_id::primary;
    if (peer_.state != node_state::passive || !mine || !past(pause_until_))
        return false;
    claim(peer_.offered ? "the peer offers the addresses" : "nobody owns the addresses and this node is the primary");
    return true;
}

/// "Witness": a silent peer may be alive, and only the witness knows.
bool machine::may_replace_silent_peer() {
    if (settings_.witness_limit.count() == 0)
        return true;
    if (witness_ != witness::unasked && past(witness_until_)) {
        if (witness_ == witness::asked)
            tell(notify::kind::witness_refused, "it did not answer in time");
        witness_until_ = witness_ == witness::asked ? now_ + settings_.witness_pause : now_;
        witness_ = witness::unasked;
    }
    if (witness_ == witness::unasked && past(witness_until_)) {
        witness_ = witness::asked;
        witness_until_ = now_ + settings_.witness_limit;
        due(witness_until_);
        tell(notify::kind::witness_asked);
        out_->push_back(ask_witness{++witness_number_, epoch_});
    }
    return witness_ == witness::granted && due(witness_since_); // and the peer was not heard meanwhile
}

/// "Failback": only if it was asked for, only while well for a while.
bool machine::rule_failback() {
    bool const well = settings_.timing.auto_failback && settings_.self == node_id::primary && able_now() &&
                      health_.synchronised && !pending_ && alive_ && peer_.state == node_state::active &&
                      !worse_connected(report(), peer_) && !better_still();
    if (!well) {
        well_since_.reset();
        return false;
    }
    if (!well_since_)
        well_since_ = now_;
    if (!due(*well_since_ + settings_.timing.failback_hold))
        return false;
    well_since_ = now_;
    pending_ = pending{{request::takeover, 0}, now_ + limits::request, true};
    ask_peer();
    return false;
}

/// "Flapping": it ends when few enough moves lie in the window.
void machine::rule_steady() {
    if (!unsteady_ || !past(damper_.steady_at()))
        return;
    unsteady_ = false;
    tell(notify::kind::steady, "failback may go on");
}

bool machine::rule_owner() {
    if (!health_.service_ok) {
        if (state_ == node_state::active && alive_)
            moved_unplanned();
        // Nobody can reach the addresses here, and to hold on would be a duplicate once the interface is back.
        release(aftermath::passive, "the service interfaces are down");
        return true;
    }
    rule_conflict();
    if (due(next_refresh_)) {
        next_refresh_ = now_ + settings_.refresh;
        out_->push_back(refresh_addresses{});
    }
    deadline_ = std::min(deadline_, next_refresh_);
    if (state_ == node_state::active)
        return rule_hand_over();
    if (effect_ == effect::acquiring && due(since_ + settings_.lifetime)) {
        give_up_acquiring("putting the addresses on took too long");
        return true;
    }
    return false;
}

/// "Both active": the greater epoch stays, and announces when it sees the conflict and again when it is over.
void machine::rule_conflict() {
    if (!alive_)
        return;
    if (owns(peer_.state)) {
        if (doubt_ == doubt::both || peer_.epoch > epoch_)
            return;
        doubt_ = doubt::both;
        tell(notify::kind::dual_active,
             "both nodes owned the addresses; this node's epoch is greater, the peer yields");
        if (state_ == node_state::active)
            out_->push_back(announce_addresses{});
        return;
    }
    bool const over = peer_.state != node_state::releasing && doubt_ != doubt::none && state_ == node_state::active;
    if (over) {
        doubt_ = doubt::none;
        out_->push_back(announce_addresses{});
    }
}

/// "Handing over by itself": an active node that is less fit than its peer.
bool machine::rule_hand_over() {
    bool const taker = alive_ && !behind_ && can_take(peer_);
    if (taker && !health_.ready) {
        moved_unplanned();
        release(aftermath::offer, "this node is not ready, the peer is");
        return true;
    }
    bool const keeps = better_still() && !cut_off(report());
    if (!taker || keeps || !worse_connected(report(), peer_)) {
        inferior_since_.reset();
        return false;
    }
    if (!inferior_since_)
        inferior_since_ = now_;
    if (!due(*inferior_since_ + limits_.inferior))
        return false;
    moved_unplanned();
    release(aftermath::offer, "the peer reaches more ping nodes");
    return true;
}

bool machine::rule_releasing() {
    bool const waited = effect_ == effect::none || due(asked_release_at_ + settings_.lifetime);
    if (due(lapsed_at_) && waited) {
        released(); // not renewed for so long, they are gone whatever became of the release
        return true;
    }
    if (effect_ == effect::none && due(asked_release_at_ + limits::release_retry))
        ask_release();
    return false;
}

/// "Take-over on request": each number is judged once, on what was heard last.
void machine::rule_peer_request() {
    if (!alive_ || behind_ || peer_.takeover_request == answered_)
        return;
    answered_ = peer_.takeover_request;
    answer_ = answered_ == 0 ? refusal::none : grant_takeover();
}

} // namespace cluster::failover
