// SPDX-License-Identifier: Apache-2.0
// Layer-7 connections in a planned move: they stay with the node that accepted them, and the other passes them on.
#include "cluster/core.hpp"
#include "config/listening.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace dyad {

/// The way to the peer is the first link that lives; of none, the first.
balance::daisy_chain::settings core::chain_settings() const {
    balance::daisy_chain::settings out{.endpoints = {}, .v4 = {}, .v6 = {}, .grace = running_.cluster.handover_grace};
    if (out.grace.count() == 0 || !paired()) {
        return out;
    }
    out.endpoints = config::endpoints_of(running_.cluster.services);
    auto const states = node_->status().links;
    auto const lives = [&states](cluster::link_settings const& link) {
        return std::any_of(states.begin(), states.end(),
                           [&link](auto const& s) { return s.name == link.name && s.alive; });
    };
    for (bool const v6 : {false, true}) {
        auto& hop = v6 ? out.v6 : out.v4;
        bool living = false;
        for (auto const& link : self_.links) {
            bool const local = v6 && link.peer.is_v6() && link.peer.to_v6().is_link_local();
            if (link.peer.is_v6() == v6 && !local && (!hop || (!living && lives(link)))) {
                hop = link.peer;
                living = lives(link);
            }
        }
    }
    return out;
}

void core::follow_chain() {
    auto wanted = chain_settings();
    if (leaving_ || wanted == chained_) {
        return;
    }
    chained_ = wanted;
    layer4_.prepare_chain(chain_, std::move(wanted), [this](balance::result<> const& done) {
        if (!done) {
            events_.add("error", "layer-7 connections do not survive a planned move: " + done.error().detail, {}, true);
        }
    });
}

/// On the node's thread, while the addresses wait.
void core::before_planned_move(cluster::planned_move which) {
    using side = balance::daisy_chain::side;
    auto const woken = chain_.wake(which == cluster::planned_move::taking ? side::taken : side::given);
    boost::asio::post(io_, [this, woken] {
        if (!woken) {
            events_.add("error", "layer-7 connections may not survive this move: " + woken.error().detail, {}, true);
        }
        chain_timer_.expires_after(running_.cluster.handover_grace);
        chain_timer_.async_wait([this](boost::system::error_code ec) {
            if (ec) {
                return;
            }
            if (auto const asleep = chain_.wake(side::none); !asleep) {
                events_.add("error", asleep.error().detail, {}, true);
            }
        });
    });
}

} // namespace dyad
