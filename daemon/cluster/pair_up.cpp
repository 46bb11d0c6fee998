// SPDX-License-Identifier: Apache-2.0
// How this node becomes one of a pair; the other one's part is the same file on the other side.
#include "cluster/core.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace dyad {

namespace {

/// So that who asks for the progress hears of the end before this process makes room for the next.
constexpr std::chrono::milliseconds leave_delay{600};

} // namespace

lone_node core::as_lone_node() const {
    lone_node n{self_.name, self_.heartbeat_port, self_.replication_port, {}, {}, {}};
    for (auto const& l : named_links_) {
        n.links.push_back(l.name);
    }
    std::sort(n.links.begin(), n.links.end());
    n.has_pair = paired() || joined_;
    n.services = running_.cluster.services.services.size();
    return n;
}

cluster::pairing_introduction core::introduction() const {
    auto n = as_lone_node();
    return {n.name, n.heartbeat_port, n.replication_port, std::move(n.links)};
}

/// The links of node.toml stay; without any, one is made of the addresses that both used.
config::pair_config core::pair_of(cluster::node_id role, balance::address const& local,
                                  balance::address const& peer) const {
    config::pair_config pair{role, {}};
    if (named_links_.empty()) {
        pair.links.push_back(pairing_link(local, peer, interface_with(local)));
    }
    return pair;
}

void core::make_pair_token(std::string const& who, std::function<void(balance::result<cluster::pairing_token>)> done) {
    if (auto const why = objection(as_lone_node()); !why.empty()) {
        done(balance::make_error(balance::errc::refused, why));
        return;
    }
    std::vector<balance::address> floating;
    for (auto const& f : running_.cluster.all_floating()) {
        floating.push_back(f.address);
    }
    host_.emplace(io_.get_executor(),
                  cluster::pairing_host::settings{
                      .name = self_.name, .listen = own_addresses(floating), .port = self_.replication_port},
                  host_handlers());
    auto token = host_->open();
    if (!token) {
        host_.reset();
        done(token.error());
        return;
    }
    events_.audit("pair", "a token was made: this node waits for its primary", who);
    done(std::move(token));
}

cluster::pairing_host::handlers core::host_handlers() {
    return {.asked =
                [this](cluster::pairing_introduction const& other, cluster::pairing_path const& path) {
                    auto const why = objection(as_lone_node(), other);
                    events_.add("pair", other.name + " (" + path.peer.to_string() +
                                            ") knows the token and asks this node to be "
                                            "its secondary" +
                                            (why.empty() ? "" : "; refused: " + why));
                    return why.empty() ? balance::result<>()
                                       : balance::result<>(balance::make_error(balance::errc::refused, why));
                },
            .paired =
                [this](cluster::pairing_introduction const& other, cluster::pairing_path const& path,
                       cluster::key const& key) {
                    auto const pair = pair_of(cluster::node_id::secondary, path.local, path.peer);
                    auto kept = join_as_secondary(ctx_.config_dir, ctx_.state_dir, pair, key);
                    joined_ = kept.has_value();
                    auto const with = other.name + " (" + path.peer.to_string() + ")";
                    events_.audit("pair",
                                  kept ? "paired: secondary of " + with
                                       : "not paired with " + with + ": " + kept.error().detail,
                                  "token");
                    return kept;
                },
            .wrong_token =
                [this](unsigned so_far, std::string const& from, std::chrono::milliseconds delay) {
                    events_.add("pair",
                                "wrong token number " + std::to_string(so_far) + " from " + from +
                                    "; the next one waits " + std::to_string(delay.count()) + " ms",
                                {}, true);
                },
            .closed =
                [this](balance::result<> const& outcome) {
                    if (!outcome) {
                        events_.add("pair", "the token is worth nothing any more: " + outcome.error().detail, {}, true);
                    }
                    boost::asio::post(io_, [this] { host_.reset(); });
                    if (joined_) {
                        leave_soon("restart as one of a pair");
                    }
                }};
}

balance::result<> core::pair_with(balance::address const& peer, cluster::pairing_token const& token,
                                  std::string const& who) {
    if (paired() || joined_) {
        return balance::make_error(balance::errc::refused, self_.name + " has a pair already; 'dyad unpair' leaves it");
    }
    if (guest_) {
        return balance::make_error(balance::errc::refused, "pairing is under way already");
    }
    host_.reset(); // it will be nobody's secondary
    pairing_ = {pairing_progress::phase::working, {}, {}};
    events_.audit("pair", "pairing with " + peer.to_string() + " asked for", who);
    guest_.emplace(
        io_.get_executor(),
        cluster::pairing_guest::settings{.self = introduction(), .peer = peer, .port = self_.replication_port}, token,
        cluster::pairing_guest::handlers{
            .step = [this](std::string const& what) { pairing_.steps.push_back(what); },
            .done = [this, peer, who](auto outcome) { pairing_ended(std::move(outcome), peer, who); }});
    return {};
}

void core::pairing_ended(balance::result<cluster::pairing_guest::agreement> outcome, balance::address const& peer,
                         std::string const& who) {
    boost::asio::post(io_, [this] { guest_.reset(); });
    if (outcome && owner_of(running_.generation) == cluster::node_id::secondary) {
        auto own = running_.generation; // it was promoted in a former pair; in this one it is the primary by its role
        ++own.version.generation;
        set_owner(own, cluster::node_id::primary);
        if (auto committed = store_->commit(own); !committed) {
            outcome = committed.error();
        }
    }
    auto kept = outcome
                    ? join_pair(ctx_.config_dir, pair_of(cluster::node_id::primary, outcome->local, peer), outcome->key)
                    : balance::result<>(outcome.error());
    if (!kept) {
        auto const doubt =
            outcome ? "; " + outcome->peer_name + " has its part: run 'dyad unpair' there and pair again" : "";
        pairing_.now = pairing_progress::phase::failed;
        pairing_.error = kept.error().detail + doubt;
        events_.audit("pair", "not paired with " + peer.to_string() + ": " + pairing_.error, who);
        return;
    }
    joined_ = true;
    events_.audit("pair", "paired: primary of " + outcome->peer_name + " (" + peer.to_string() + ")", who);
    pairing_.steps.push_back("this node has it too; its cluster process is started again, as one of a pair");
    pairing_.now = pairing_progress::phase::done;
    leave_soon("restart as one of a pair");
}

/// The guardian starts the next process at once.
void core::leave_soon(std::string why) {
    pair_timer_.expires_after(leave_delay);
    pair_timer_.async_wait([this, why = std::move(why)](boost::system::error_code ec) {
        if (!ec) {
            leave(why);
        }
    });
}

} // namespace dyad
