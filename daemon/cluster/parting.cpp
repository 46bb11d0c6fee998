// SPDX-License-Identifier: Apache-2.0
// Leaving a pair: one node goes on serving, the other serves nothing.
#include "cluster/core.hpp"
#include "cluster/monotonic.hpp"

#include <utility>

namespace dyad {

namespace {

constexpr std::string_view channel = "parting";
constexpr std::chrono::seconds answer_limit{5};
/// For the other to be gone, so that nobody takes over from it meanwhile.
constexpr std::int64_t gone_limit_ms = 5'000;
constexpr std::chrono::milliseconds look_again{50};

} // namespace

bool core::is_about_parting(std::string_view name) noexcept { return name == channel; }

void core::unpair(bool force, std::string const& who, std::function<void(balance::result<parted>)> done) {
    auto const refuse = [&done](std::string text) {
        done(balance::make_error(balance::errc::refused, std::move(text)));
    };
    if (!paired()) {
        return refuse("this node has no pair");
    }
    if (parting_done_ || parting_) {
        return refuse("leaving the pair is under way already");
    }
    auto const status = node_->status();
    if (!replicator_->status().connected) {
        if (!force || status.peer_alive) {
            return refuse("the peer cannot be told: " + replicator_->status().last_error +
                          (status.peer_alive
                               ? ". It is alive, and would take the addresses; repair the connection first"
                               : ". It would still believe in the pair and take the addresses when it is back. If it "
                                 "is gone for good, 'dyad unpair --force' lets this node go on alone"));
        }
        auto left = part(true, who);
        left ? done(parted{true, false}) : done(left.error());
        return;
    }
    bool const stays = status.state == cluster::node_state::active;
    bool const other_stays = status.peer.state == cluster::node_state::active;
    if (stays == other_stays) {
        return refuse("just now neither node is active, or both are; try again when one is");
    }
    parting_stays_ = stays;
    parting_done_ = [this, who, done](balance::result<> answered) {
        auto left = answered ? part(parting_stays_, who) : std::move(answered);
        left ? done(parted{parting_stays_, true}) : done(left.error());
    };
    if (!replicator_->send(channel, stays ? "leave" : "stay")) {
        std::exchange(parting_done_, nullptr)(
            balance::make_error(balance::errc::refused, "the peer does not take messages just now; try again"));
        return;
    }
    pair_timer_.expires_after(answer_limit);
    pair_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec && parting_done_) {
            std::exchange(parting_done_, nullptr)(balance::make_error(
                balance::errc::timed_out, "the peer did not answer; look at its 'dyad status' before you try again"));
        }
    });
}

/// The peer's word: "leave" and "stay" are asked, "parted" and "refused …" are answers.
void core::peer_parts(std::string_view word) {
    if (word == "leave" || word == "stay") {
        bool const stays = word == "stay";
        bool const active = node_->status().state == cluster::node_state::active;
        auto const left =
            stays == active
                ? part(stays, "the peer")
                : balance::result<>(balance::make_error(
                      balance::errc::refused, "it is " + std::string(active ? "" : "not ") + "active just now"));
        replicator_->send(channel, left ? "parted" : "refused: " + left.error().detail);
        return;
    }
    if (!parting_done_) {
        return;
    }
    pair_timer_.cancel();
    std::exchange(parting_done_, nullptr)(
        word == "parted"
            ? balance::result<>()
            : balance::result<>(balance::make_error(balance::errc::refused, "the peer: " + std::string(word))));
}

/// The one that serves nothing goes first. The other one keeps the pair's key until it is gone, so that at no time two
/// nodes hold the addresses without knowing of each other.
balance::result<> core::part(bool stays, std::string const& who) {
    if (std::exchange(parting_, true)) {
        return {};
    }
    if (stays) {
        leave_when_alone(monotonic_ms() + gone_limit_ms, who);
        return {};
    }
    auto left = leave_pair_empty(ctx_.config_dir, ctx_.state_dir);
    parting_ = left.has_value();
    events_.audit("pair",
                  left ? "the pair is left: this node serves nothing any more, its configuration is set aside"
                       : "the pair was not left: " + left.error().detail,
                  who);
    if (left) {
        leave_soon("restart without a pair");
    }
    return left;
}

void core::leave_when_alone(std::int64_t limit_ms, std::string const& who) {
    auto const status = node_->status();
    if (!status.peer_alive) {
        auto const left = leave_pair(ctx_.config_dir);
        events_.audit("pair",
                      left ? "the pair with " + status.peer_name + " is left: this node goes on alone"
                           : "the pair was not left: " + left.error().detail,
                      who);
        leave_soon("restart without a pair");
        return;
    }
    if (monotonic_ms() >= limit_ms) {
        parting_ = false;
        events_.audit("pair",
                      "the pair was not left: the peer is still there; look at its 'dyad events', and try again", who);
        return;
    }
    pair_timer_.expires_after(look_again);
    pair_timer_.async_wait([this, limit_ms, who](boost::system::error_code ec) {
        if (!ec) {
            leave_when_alone(limit_ms, who);
        }
    });
}

} // namespace dyad
