// SPDX-License-Identifier: Apache-2.0
// Is the peer dead, or is this node cut off? docs/FAILOVER.md, "Cut off".
#include "failover/machine.hpp"
#include "failover/transition_table.hpp"

#include <algorithm>

namespace cluster::failover {

/// Ping nodes are asked as soon as a peer is late that this node could replace. An answer to anything asked before would tell of the time
/// in which the peer was heard, too, and nothing of what came then.
void machine::rule_pings() {
    bool const matters = has_peer() && health_.pings_configured > 0 && !gone_ && (late_ || !alive_) && able_now() && !owns(state_);
    if (!matters) {
        forget_pings();
        held_back_ = false;
        return;
    }
    if (!pinging_since_)
        pinging_since_ = next_ping_ = now_;
    if (!past(next_ping_))
        return;
    next_ping_ = now_ + ping_interval();
    past(next_ping_);
    out_->push_back(ask_ping_nodes{});
}

void machine::on(ping_node_answered const& a) {
    if (!pinging_since_ || a.asked < *pinging_since_)
        return;
    if (isolated() && now_ - monitor_.silent_since() >= settings_.timing.deadtime)
        settle_until_ = now_ + limits_.settle; // what cut this node off may have cut off the peer: it is listened for first
    reached_at_ = now_;
    held_back_ = false;
}

void machine::forget_pings() noexcept {
    pinging_since_.reset();
    reached_at_.reset();
}

/// As often as heartbeats, and less often the longer the silence lasts.
milliseconds machine::ping_interval() const noexcept {
    auto const silence = std::chrono::duration_cast<milliseconds>(now_ - monitor_.silent_since());
    auto const least = std::max(settings_.timing.keepalive, limits::least_ping);
    return std::clamp(silence / 4, least, std::max(least, limits::most_ping));
}

/// Of a node beside a silent peer: has no ping node answered since, or none lately?
bool machine::isolated() const noexcept {
    if (health_.pings_configured == 0)
        return false;
    return !reached_at_ || now_ - *reached_at_ > std::max(settings_.timing.deadtime, 2 * ping_interval());
}

} // namespace cluster::failover
