// SPDX-License-Identifier: Apache-2.0
// What both nodes know of the servers: the one that serves checks at the full rate, the other one more slowly, and each tells
// the other what it finds.
#include "cluster/core.hpp"
#include "ipc/values.hpp"

#include <chrono>
#include <utility>

namespace dyad {

namespace {

/// What changes in this time goes to the peer as one.
constexpr std::chrono::milliseconds gathering_time{50};

} // namespace

void core::tell_pace() {
    if (!children_) {
        return;
    }
    bool const rests = paired() && told_state_ == cluster::node_state::passive;
    auto const factor = rests ? running_.cluster.passive_factor : 1;
    if (std::exchange(told_pace_, factor) != factor) {
        children_->to_checker({{"type", "pace"}, {"factor", factor}});
    }
}

void core::tell_peer_of(balance::server_key const& key) {
    if (!replicator_) {
        return;
    }
    bool const waits = !untold_.empty();
    untold_.note(key);
    if (waits) {
        return;
    }
    health_timer_.expires_after(gathering_time);
    health_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec && !leaving_) {
            tell_peer();
        }
    });
}

void core::tell_peer_of_all() {
    if (replicator_) {
        untold_.note_all();
        tell_peer();
    }
}

void core::tell_peer_of_state() {
    if (replicator_) {
        untold_.note_state();
        tell_peer();
    }
}

void core::tell_peer() {
    if (untold_.empty() || !replicator_ || !replicator_->status().connected) {
        return; // a peer that comes is told all
    }
    for (auto const& m : untold_.take(servers_, told_state_ == cluster::node_state::active)) {
        if (!replicator_->send(health_channel, to_text(m))) {
            untold_.note_all(); // with the next tick
            return;
        }
    }
}

void core::peer_found(std::string_view bytes) {
    auto const m = parse_health_message(bytes);
    if (!m) {
        events_.add("error", "what the peer says of the servers' health was not understood", {}, true);
        return;
    }
    peer_health_.take(*m);
    seed_checker();
    // The peer serves: what it found will soon be found here as well, and a take-over may come sooner.
    if (auto const keys = peer_health_.otherwise(*m, servers_); !keys.empty()) {
        children_->to_checker({{"type", "check_now"}, {"servers", ipc::pack_all(keys)}});
    }
}

void core::seed_checker() {
    if (auto const found = peer_health_.seeds(servers_); !found.empty()) {
        children_->to_checker({{"type", "seed"}, {"found", ipc::pack_all(found)}});
    }
}

} // namespace dyad
