// SPDX-License-Identifier: Apache-2.0
#include "replicate/exchange.hpp"

#include "replicate/generation_rules.hpp"

#include <algorithm>
#include <utility>

namespace cluster::replicate {
namespace {

error refusal(std::string text) { return balance::make_error(balance::errc::refused, std::move(text)); }

} // namespace

void exchange::step(time_point now, event const& e, std::vector<action>& out) {
    std::visit([&](auto const& what) { on(now, what, out); }, e);
}

std::optional<time_point> exchange::deadline() const noexcept {
    if (outgoing_ && outgoing_->with_peer && outgoing_->at != phase::committing)
        return outgoing_->deadline;
    return outgoing_ ? std::nullopt : offer_at_;
}

bool exchange::is_outgoing(generation_id const& id, phase at) const noexcept {
    return outgoing_ && outgoing_->with_peer && outgoing_->id == id && outgoing_->at == at;
}

// ---- the connection ----

void exchange::on(time_point now, peer_greeted const& e, actions& out) {
    connected_ = true;
    peer_ = e.holds;
    compare(out);
    push_if_newer(now, out);
}

void exchange::on(time_point, peer_lost const& e, actions& out) {
    connected_ = false;
    offer_at_.reset();
    offer_pause_ = {};
    if (incoming_) {
        incoming_.reset();
        out.push_back(drop_staged{});
    }
    if (!outgoing_)
        return;
    if (outgoing_->is_push) {
        outgoing_.reset();
        return;
    }
    bool const concluding = outgoing_->at == phase::concluding;
    if (outgoing_->with_peer)
        outgoing_->peer_text = "the connection was lost: " + e.why + "; the peer gets the configuration when it is back";
    outgoing_->with_peer = false;
    if (concluding) {
        out.push_back(answer_apply{std::nullopt, false, outgoing_->peer_text});
        outgoing_.reset();
        return;
    }
    commit_when_both_prepared(out);
}

/// Equal versions with different contents cannot be told apart by age: an operator must decide, so nothing is overwritten.
void exchange::compare(actions& out) {
    if (own_.version == peer_.version && own_.hash != peer_.hash)
        out.push_back(alarm{"both nodes hold " + to_string(own_.version) +
                            " with different contents; apply the right one again on the primary"});
    else
        out.push_back(alarm{});
}

void exchange::push_if_newer(time_point now, actions& out) {
    if (!connected_ || outgoing_ || own_.version <= peer_.version)
        return;
    offer_at_.reset();
    outgoing_ = transfer{.id = own_, .is_push = true, .with_peer = true, .deadline = now + settings_.timeout};
    out.push_back(say{verb::prepare, own_, {}});
}

void exchange::offer_again_later(time_point now) {
    offer_pause_ = offer_pause_.count() == 0 ? settings_.first_offer : std::min(2 * offer_pause_, settings_.longest_offer);
    offer_at_ = now + offer_pause_;
}

// ---- the operator ----

void exchange::on(time_point now, apply_requested const& e, actions& out) {
    auto const refuse = [&out](std::string text) {
        out.push_back(answer_apply{refusal(std::move(text)), false, {}});
    };
    if (outgoing_ && !outgoing_->is_push)
        return refuse("another apply is under way; try again when it has ended");
    if (incoming_)
        return refuse("the peer is just sending " + to_string(incoming_->id.version) + "; try again in a second");
    if (e.id.version <= own_.version)
        return refuse(to_string(e.id.version) + " is not newer than " + to_string(own_.version) + ", which is current");
    if (connected_ && e.id.version <= peer_.version)
        return refuse("the peer holds " + to_string(peer_.version) + ", which is not older than " +
                      to_string(e.id.version) + "; wait until it is replicated or apply with a greater version");

    outgoing_ = transfer{.id = e.id, .with_peer = connected_, .deadline = now + settings_.timeout};
    if (connected_)
        out.push_back(say{verb::prepare, e.id, {}}); // before our own disk is slow, so that both work at once
    else
        outgoing_->peer_text = "the peer is not connected; it gets the configuration when it is back";
    out.push_back(stage{e.id, false});
}

void exchange::fail_apply(error why, actions& out) {
    if (outgoing_->with_peer && connected_)
        out.push_back(say{verb::abandon, outgoing_->id, {}});
    out.push_back(drop_staged{});
    out.push_back(answer_apply{std::move(why), false, {}});
    outgoing_.reset();
}

// ---- effects ----

void exchange::on(time_point now, stage_done const& e, actions& out) {
    if (incoming_ && incoming_->id == e.id) {
        if (!e.failure) {
            incoming_->staged = true;
            out.push_back(say{verb::prepared, e.id, {}});
            return;
        }
        out.push_back(drop_staged{});
        out.push_back(say{verb::refused, e.id, e.failure->detail});
        incoming_.reset();
        return;
    }
    if (!outgoing_ || outgoing_->is_push || outgoing_->id != e.id)
        return;
    if (e.failure) {
        fail_apply(*e.failure, out);
        return push_if_newer(now, out);
    }
    outgoing_->staged = true;
    commit_when_both_prepared(out);
}

void exchange::commit_when_both_prepared(actions& out) {
    auto& o = *outgoing_;
    if (o.at != phase::preparing || !o.staged || (o.with_peer && !o.peer_prepared))
        return;
    o.at = phase::committing;
    out.push_back(commit_staged{o.id, false});
}

void exchange::on(time_point now, commit_done const& e, actions& out) {
    if (incoming_ && incoming_->id == e.id)
        peers_commit_done(e, out);
    else if (outgoing_ && outgoing_->id == e.id && outgoing_->at == phase::committing)
        own_commit_done(now, e, out);
}

void exchange::own_commit_done(time_point now, commit_done const& e, actions& out) {
    if (e.failure) {
        fail_apply(*e.failure, out);
        return push_if_newer(now, out);
    }
    own_ = e.id;
    if (outgoing_->with_peer) {
        outgoing_->at = phase::concluding;
        outgoing_->deadline = now + settings_.timeout;
        out.push_back(say{verb::commit, e.id, {}});
        return;
    }
    out.push_back(answer_apply{std::nullopt, false, outgoing_->peer_text});
    outgoing_.reset();
    push_if_newer(now, out); // a peer that came while we were at it
}

void exchange::peers_commit_done(commit_done const& e, actions& out) {
    incoming_.reset();
    if (e.failure) {
        out.push_back(drop_staged{});
        out.push_back(say{verb::refused, e.id, e.failure->detail});
        out.push_back(alarm{"the peer's " + to_string(e.id.version) + " could not be stored: " + e.failure->detail});
        return;
    }
    own_ = e.id;
    if (connected_) {
        peer_ = e.id; // it commits before it says so
        out.push_back(say{verb::committed, e.id, {}});
        out.push_back(alarm{});
    }
}

// ---- the peer ----

void exchange::on(time_point now, heard const& e, actions& out) {
    if (!connected_)
        return;
    switch (e.what) {
    case verb::prepare: return heard_prepare(e.id, out);
    case verb::prepared: return heard_prepared(now, e.id, out);
    case verb::refused: return heard_refused(now, e, out);
    case verb::commit: return heard_commit(e.id, out);
    case verb::committed: return heard_committed(e.id, out);
    case verb::abandon:
        if (incoming_ && incoming_->id == e.id) {
            incoming_.reset();
            out.push_back(drop_staged{});
        }
        return;
    }
}

void exchange::heard_prepare(generation_id const& id, actions& out) {
    auto const refuse = [&](std::string text) { out.push_back(say{verb::refused, id, std::move(text)}); };
    if (id.version <= own_.version)
        return refuse("this node holds " + to_string(own_.version) + ", which is not older");
    if (outgoing_ && !outgoing_->is_push) {
        // Both operators at once: the primary's goes first. Ours also once it is being committed.
        if (outgoing_->at != phase::preparing || settings_.self == node_id::primary)
            return refuse("an apply is under way on this node; try again when it has ended");
        fail_apply(refusal("the primary applies a configuration of its own; try again when it has ended"), out);
    }
    if (outgoing_) // a push of something older than what the peer has meanwhile
        outgoing_.reset();
    incoming_ = arrival{id, false};
    out.push_back(stage{id, true});
}

void exchange::heard_prepared(time_point now, generation_id const& id, actions& out) {
    if (!is_outgoing(id, phase::preparing))
        return;
    outgoing_->peer_prepared = true;
    if (!outgoing_->is_push)
        return commit_when_both_prepared(out);
    outgoing_->at = phase::concluding; // it is our current one already
    outgoing_->deadline = now + settings_.timeout;
    out.push_back(say{verb::commit, id, {}});
}

void exchange::heard_refused(time_point now, heard const& e, actions& out) {
    if (!outgoing_ || !outgoing_->with_peer || outgoing_->id != e.id)
        return;
    auto const text = "the peer refuses " + to_string(e.id.version) + ": " + e.text;
    auto& o = *outgoing_;
    if (!o.is_push && o.at == phase::preparing) {
        o.with_peer = false; // it has dropped it itself
        fail_apply(refusal(text), out);
        return push_if_newer(now, out);
    }
    if (o.at == phase::committing) { // an answer too many; the commit here goes on
        o.with_peer = false;
        o.peer_text = text;
        return;
    }
    if (!o.is_push)
        out.push_back(answer_apply{std::nullopt, false, text});
    out.push_back(alarm{text});
    outgoing_.reset();
    offer_again_later(now);
}

void exchange::heard_commit(generation_id const& id, actions& out) {
    if (incoming_ && incoming_->id == id && incoming_->staged)
        out.push_back(commit_staged{id, true});
    else
        out.push_back(say{verb::refused, id, "it was not prepared on this node"});
}

void exchange::heard_committed(generation_id const& id, actions& out) {
    if (!is_outgoing(id, phase::concluding))
        return;
    peer_ = id;
    offer_pause_ = {};
    if (!outgoing_->is_push)
        out.push_back(answer_apply{std::nullopt, true, {}});
    outgoing_.reset();
    compare(out);
}

// ---- time ----

void exchange::on(time_point now, timer_expired const&, actions& out) {
    auto const due = deadline();
    if (!due || now < *due)
        return;
    if (!outgoing_) {
        offer_at_.reset();
        return push_if_newer(now, out);
    }
    auto const text = "the peer did not answer within " + std::to_string(settings_.timeout.count()) + " ms";
    if (outgoing_->at == phase::preparing && !outgoing_->is_push) {
        fail_apply(balance::make_error(balance::errc::timed_out, text + "; nothing was applied"), out);
        out.push_back(drop_connection{text});
        return;
    }
    if (!outgoing_->is_push)
        out.push_back(answer_apply{std::nullopt, false, text + "; it gets the configuration when it is back"});
    outgoing_.reset();
    out.push_back(drop_connection{text});
}

} // namespace cluster::replicate
