// SPDX-License-Identifier: Apache-2.0
#include "failover/machine.hpp"

#include "failover/insist.hpp"
#include "failover/ownership.hpp"
#include "failover/transition_table.hpp"

namespace cluster::failover {

machine::machine(machine_settings s, time_point now)
    : settings_(s), limits_(s.timing), monitor_(s.links, now), since_(now), epoch_(s.epoch),
      maintenance_(s.maintenance), listen_since_(now), listen_until_(now + s.timing.initdead),
      start_limit_(listen_until_), backoff_until_(now), settle_until_(now), pause_until_(now), asked_release_at_(now),
      lapsed_at_(now), damper_(s.timing), next_ping_(now), witness_since_(now), witness_until_(now), deaf_until_(now), next_heartbeat_(now), next_refresh_(now), last_sent_at_(now), deadline_(now),
      now_(now) {}

void machine::step(time_point now, event const& e, std::vector<action>& out) {
    insist(now >= now_, "time never goes back");
    now_ = now;
    out_ = &out;
    timer_ = std::holds_alternative<timer_expired>(e);
    if (state_ != node_state::stopped)
        notice_sleep();
    std::visit([this](auto const& what) { on(what); }, e);
    deadline_ = time_point::max();
    for (int rounds = 0; state_ != node_state::stopped && apply_rules(); ++rounds)
        insist(rounds < 8, "rules come to rest");
    if (state_ != node_state::stopped)
        beat();
    else
        deadline_ = time_point::max();
    out_ = nullptr;
}

/// Has `t` come, with everything heard that had arrived by then? If not, the next step is at `t` at the latest.
bool machine::due(time_point t) noexcept {
    if (timer_ && now_ >= t)
        return true;
    deadline_ = std::min(deadline_, std::max(t, now_));
    return false;
}

/// Is `t` over? For pauses, which say nothing of the peer.
bool machine::past(time_point t) noexcept { return now_ >= t || due(t); }

void machine::become(node_state to, char const* reason) {
    insist(may_become(state_, to), "a state is followed only by those of the table");
    node_state const from = state_;
    state_ = to;
    since_ = now_;
    insist(!owns(to) || epoch_.owner == settings_.self, "an owner's epoch is its own");
    insist(!owns(to) || !maintenance_, "a node in maintenance owns nothing");
    insist(to == node_state::passive || !offer_until_, "only a passive node offers");
    insist(owns(to) || to == node_state::releasing || effect_ == effect::none,
           "a node that owns nothing waits for no effect");
    inferior_since_.reset();
    well_since_.reset();
    if (!owns(to))
        doubt_ = doubt::none;
    out_->push_back(notify{notify::kind::state_changed, from, to, epoch_, 0, reason});
}

/// Takes the addresses with an epoch greater than any that is known. It is kept before anything is done with it.
void machine::claim(char const* reason) {
    epoch_ = {epoch_.counter + 1, settings_.self};
    offer_until_.reset();
    declined_ = false;
    become(node_state::acquiring, reason);
    if (has_peer() && !alive_)
        doubt_ = doubt::silent;
    persist_now();
    effect_ = effect::acquiring;
    next_refresh_ = now_ + settings_.refresh;
    out_->push_back(acquire_addresses{epoch_, alive_ && peer_.offered && peer_.service_ok});
}

void machine::release(aftermath then, char const* reason) {
    become(node_state::releasing, reason);
    after_ = then;
    // One that is still being put on counts its lifetime from then: addresses_acquired says when that was.
    lapsed_at_ = effect_ == effect::acquiring ? time_point::max() : now_ + settings_.lifetime;
    ask_release();
}

void machine::ask_release() {
    effect_ = effect::releasing;
    asked_release_at_ = now_;
    out_->push_back(release_addresses{after_ == aftermath::offer && alive_});
}

/// The addresses are off.
void machine::released() {
    effect_ = effect::none;
    switch (after_) {
    case aftermath::passive:
        become(node_state::passive, "the addresses are off");
        break;
    case aftermath::offer:
        become(node_state::passive, "the addresses are off and offered to the peer");
        start_offer(now_ + limits_.offer);
        break;
    case aftermath::listen:
        become(node_state::listening, "this node was asleep");
        break;
    case aftermath::stop:
        leave();
        break;
    }
}

void machine::start_offer(time_point until) {
    bool const leaving = pending_ && pending_->request.what == request::stop;
    offer_until_ = leaving ? std::min(until, now_ + limits::stop) : until;
    declined_ = false;
}

/// `why`: none when the peer took the addresses.
void machine::end_offer(refusal why) {
    offer_until_.reset();
    if (why == refusal::none)
        return;
    declined_ = true;
    if (why != refusal::peer_silent)
        pause_until_ = now_ + limits_.pause;
    if (answered_ != 0 && answer_ == refusal::none)
        answer_ = why;
    if (pending_ && (pending_->request.what == request::handover || pending_->request.what == request::maintenance_on))
        finish_request(why);
}

/// Heartbeats on a fixed grid, at once at each change of what they say, and more often while the peer is asked for
/// something.
void machine::beat() {
    bool const grid = due(next_heartbeat_);
    if (grid) {
        auto const missed = (now_ - next_heartbeat_) / settings_.timing.keepalive;
        next_heartbeat_ += (missed + 1) * settings_.timing.keepalive;
        deadline_ = std::min(deadline_, next_heartbeat_);
    }
    if (!has_peer())
        return;
    bool const asking = request_number_ != 0 || (offer_until_ && *offer_until_ != time_point::max());
    bool const again = asking && timer_ && now_ >= last_sent_at_ + limits_.resend;
    node_report const r = report();
    bool const send = grid || again || sent_ != r;
    if (send)
        last_sent_at_ = now_;
    if (asking)
        due(last_sent_at_ + limits_.resend);
    if (!send)
        return;
    sent_ = r;
    out_->push_back(send_heartbeat{r});
}

void machine::tell(notify::kind what, char const* reason, std::size_t link) {
    out_->push_back(notify{what, state_, state_, epoch_, link, reason});
}

/// The addresses move, or have moved, and nobody planned that.
void machine::moved_unplanned() {
    if (!has_peer())
        return;
    damper_.moved(now_);
    if (unsteady_ || damper_.steady_at() <= now_)
        return;
    unsteady_ = true;
    tell(notify::kind::unsteady, "from now on they stay where they are served: no failback, and no move for a better ping score");
}

void machine::persist_now() { out_->push_back(persist{epoch_, maintenance_}); }

bool machine::able_now() const noexcept { return health_.ready && health_.service_ok && !maintenance_; }

/// Do the addresses move too often, as either node counts?
bool machine::better_still() const noexcept { return unsteady_ || (alive_ && peer_.unsteady); }

node_report machine::report() const noexcept {
    return {.epoch = epoch_,
            .state = state_,
            .maintenance = maintenance_,
            .ready = health_.ready,
            .service_ok = health_.service_ok,
            .synchronised = health_.synchronised,
            .pings_answering = health_.pings_answering,
            .pings_configured = health_.pings_configured,
            .takeover_request = request_number_,
            .takeover_answer = answered_,
            .refusal = static_cast<std::uint8_t>(answer_),
            .offered = offer_until_.has_value(),
            .unsteady = unsteady_};
}

view machine::look(time_point now) const {
    auto const ms = [now](time_point t) { return std::chrono::duration_cast<milliseconds>(now - t); };
    view v{.state = state_,
           .epoch = epoch_,
           .maintenance = maintenance_,
           .peer_known = known_,
           .peer_alive = alive_,
           .peer = peer_,
           .peer_silence = ms(monitor_.silent_since()),
           .links = {},
           .since = since_,
           .unplanned_moves = damper_.count(now),
           .unsteady = unsteady_,
           .steady_in = unsteady_ ? std::max(-ms(damper_.steady_at()), milliseconds(0)) : milliseconds(0),
           .held_back = held_back_};
    for (link_monitor::link const& l : monitor_.links())
        v.links.push_back({.usable = l.usable, .alive = l.alive, .silence = ms(l.last_heard)});
    return v;
}

} // namespace cluster::failover
