// SPDX-License-Identifier: Apache-2.0
// Layer-7 connections when the addresses move: in a planned move they stay with the node that accepted them, and the
// other passes them on.
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

/// Repeated at every tick: what somebody removed is put back, what failed is tried again.
void core::follow_chain() {
    if (leaving_ || std::exchange(chain_busy_, true)) {
        return;
    }
    layer4_.prepare_chain(chain_, chain_settings(), [this](balance::result<bool> const& done) {
        chain_busy_ = false;
        auto const error = done ? std::string() : done.error().detail;
        if (error != std::exchange(chain_error_, error) && !error.empty()) {
            events_.add("error", "layer-7 connections do not survive a planned move: " + error, {}, true);
        }
        if (done && *done) {
            events_.add("layer7", "the packet rules for planned moves were changed by someone else; put back", {}, true);
        }
    });
}

/// On the node's thread, while the addresses wait.
void core::before_move(cluster::address_move m) {
    using move = cluster::address_move;
    using side = balance::daisy_chain::side;
    auto const done = m == move::received ? chain_.wake(side::taken)
                      : m == move::given  ? chain_.wake(side::given)
                                          : chain_.rest();
    boost::asio::post(io_, [this, done, m] {
        tell_chain(done);
        if (m == move::given) { // their servers' gateway has gone with the addresses
            children_->to_proxies({{"type", "reset_clients"}, {"transparent", true}});
        }
        chain_timer_.expires_after(running_.cluster.handover_grace);
        chain_timer_.async_wait([this](boost::system::error_code ec) {
            if (!ec && !leaving_) {
                end_grace();
            }
        });
    });
}

/// What is left of connections on a node without the addresses hears nothing of its clients any more.
void core::end_grace() {
    tell_chain(chain_.rest(running_.cluster.handover_grace));
    auto const state = node_->status().state;
    if (paired() && state != cluster::node_state::active && state != cluster::node_state::acquiring) {
        children_->to_proxies({{"type", "reset_clients"}});
    }
}

/// The other node is gone: what came to it cannot be passed on, and nobody passes on what comes here.
void core::end_chain_without_peer() {
    if (paired() && !node_->status().peer_alive) {
        tell_chain(chain_.rest());
    }
}

void core::tell_chain(balance::result<> const& done) {
    if (!done) {
        events_.add("error", "layer-7 connections may not survive this move: " + done.error().detail, {}, true);
    }
}

} // namespace dyad
