// SPDX-License-Identifier: Apache-2.0
// Requests: of this node's operator, and of the peer. Each gets one answer: docs/FAILOVER.md, "Requests".
#include "failover/machine.hpp"
#include "failover/ownership.hpp"
#include "failover/transition_table.hpp"

namespace cluster::failover {

/// Marks a request whose answer comes later.
static constexpr refusal under_way = static_cast<refusal>(0xff);

void machine::on(operator_request const& r) {
    refusal answer = under_way;
    if (state_ == node_state::stopped)
        answer = r.what == request::stop ? refusal::none : refusal::leaving;
    else if (pending_ && pending_->request.what == request::stop)
        answer = refusal::leaving;
    else if (r.what == request::stop)
        return begin_stop(r);
    else if (pending_ && !pending_->internal)
        answer = refusal::in_transition;
    else if (r.what == request::takeover)
        answer = begin_takeover(r);
    else if (r.what == request::handover)
        answer = begin_handover(r);
    else if (r.what == request::maintenance_on)
        answer = begin_maintenance(r);
    else {
        set_maintenance(false);
        answer = refusal::none;
    }
    if (answer != under_way)
        out_->push_back(answer_request{r.id, answer});
}

refusal machine::begin_takeover(operator_request const& r) {
    if (state_ == node_state::active)
        return refusal::already_active;
    if (state_ == node_state::listening)
        return refusal::not_listened;
    if (state_ != node_state::passive || offer_until_)
        return refusal::in_transition;
    if (maintenance_)
        return refusal::in_maintenance;
    if (!health_.service_ok)
        return refusal::service_down;
    if (!health_.ready)
        return refusal::not_ready;
    if (alive_ && peer_.state != node_state::active && peer_.state != node_state::passive)
        return peer_.state == node_state::listening ? refusal::not_listened : refusal::in_transition;
    pending_ = pending{r, now_ + limits::request};
    if (alive_)
        ask_peer();
    else
        claim("an operator asked, and the peer is silent");
    return under_way;
}

refusal machine::begin_handover(operator_request const& r) {
    if (owns(state_) || state_ == node_state::releasing) {
        if (state_ != node_state::active)
            return refusal::in_transition;
    } else {
        return offer_until_ ? refusal::in_transition : refusal::not_active;
    }
    if (!alive_)
        return refusal::peer_silent;
    if (refusal const why = why_not(peer_); why != refusal::none)
        return why;
    pending_ = pending{r, now_ + limits::request};
    release(aftermath::offer, "an operator asked");
    return under_way;
}

refusal machine::begin_maintenance(operator_request const& r) {
    if (maintenance_)
        return refusal::none;
    if (state_ == node_state::active)
        return begin_handover(r);
    if (owns(state_) || state_ == node_state::releasing)
        return refusal::in_transition;
    if (pending_)
        finish_request(refusal::in_maintenance); // the machine's own wish to take over
    set_maintenance(true);
    return refusal::none;
}

void machine::set_maintenance(bool on) {
    if (maintenance_ == on)
        return;
    maintenance_ = on;
    persist_now();
    tell(notify::kind::maintenance,
         on ? "this node stays passive until maintenance ends" : "this node may be active again");
}

/// "Leaving": hand over if somebody can take the addresses, else just take them off.
void machine::begin_stop(operator_request const& r) {
    if (pending_)
        finish_request(refusal::leaving);
    pending_ = pending{r, now_ + limits::request};
    bool const taker = alive_ && can_take(peer_);
    if (owns(state_))
        release(taker && state_ == node_state::active ? aftermath::offer : aftermath::stop,
                "this node is being stopped");
    else if (state_ == node_state::releasing && after_ != aftermath::offer)
        after_ = aftermath::stop;
    else if (state_ == node_state::listening || (state_ == node_state::passive && !offer_until_))
        leave();
    if (offer_until_)
        offer_until_ = std::min(*offer_until_, now_ + limits::stop);
}

void machine::leave() {
    become(node_state::stopped, "this node was stopped");
    finish_request(refusal::none);
    out_->push_back(send_goodbye{});
}

/// The peer's operator asks for the addresses.
refusal machine::grant_takeover() {
    if (pending_ && pending_->request.what == request::stop)
        return refusal::leaving;
    if (state_ == node_state::listening)
        return refusal::not_listened;
    if (state_ == node_state::releasing && after_ == aftermath::offer)
        return refusal::none;
    if (owns(state_) != (state_ == node_state::active) || state_ == node_state::releasing ||
        (pending_ && !pending_->internal))
        return refusal::in_transition;
    if (refusal const why = why_not(peer_); why != refusal::none)
        return why;
    if (state_ == node_state::active)
        release(aftermath::offer, "the peer asked for the addresses");
    else if (!offer_until_)
        start_offer(now_ + limits_.offer);
    return refusal::none;
}

void machine::ask_peer() { request_number_ = ++last_number_ == 0 ? ++last_number_ : last_number_; }

/// The peer's refusal, or the end of patience.
void machine::watch_request() {
    if (!pending_)
        return;
    bool const refused =
        alive_ && request_number_ != 0 && peer_.takeover_answer == request_number_ && peer_.refusal != 0;
    if (refused)
        finish_request(static_cast<refusal>(peer_.refusal));
    else if (pending_->request.what != request::stop && due(pending_->limit))
        finish_request(refusal::timed_out);
}

void machine::finish_request(refusal why) {
    request_number_ = 0;
    if (!pending_)
        return;
    pending const p = *pending_;
    pending_.reset();
    if (!p.internal)
        out_->push_back(answer_request{p.request.id, why});
}

} // namespace cluster::failover
