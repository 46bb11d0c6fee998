// SPDX-License-Identifier: Apache-2.0
// What the driver shows of itself.
#include "net/driver.hpp"

#include <algorithm>
#include <numeric>

namespace cluster::net {
namespace {

constexpr std::chrono::milliseconds publish_interval{50};
constexpr std::chrono::milliseconds publish_again{1}; // when somebody was reading

/// Reasons that an operator has to do something about, with what.
std::string_view remedy_of(wire::reject r) {
    switch (r) {
    case wire::reject::forged:
        return "give both nodes the same cluster.key";
    case wire::reject::other_version:
        return "install the same release on both nodes, one after the other";
    case wire::reject::wrong_link:
        return "give the links the same names in node.toml of both nodes";
    case wire::reject::reflected:
        return "two nodes have the same role: make one of them the secondary";
    default:
        return {};
    }
}

} // namespace

void driver::publish() {
    auto const v = machine_.look(now_);
    auto& s = status_;
    s.self = settings_.self;
    s.name = settings_.name;
    s.state = finished_ ? node_state::stopped : v.state;
    s.in_state = std::chrono::duration_cast<milliseconds>(now_ - v.since);
    s.epoch = v.epoch;
    s.maintenance = v.maintenance;
    s.peer_known = v.peer_known;
    s.peer_alive = v.peer_alive;
    s.peer = v.peer;
    s.peer_silence = v.peer_silence;
    s.service_ok = health_.service_ok;
    s.pings_answering = health_.pings_answering;
    s.pings_configured = health_.pings_configured;
    s.unplanned_moves = v.unplanned_moves;
    s.unsteady = v.unsteady || (v.peer_alive && v.peer.unsteady);
    s.steady_in = v.steady_in;
    s.held_back = v.held_back;
    s.held.resize(held_.size());
    std::transform(held_.begin(), held_.end(), s.held.begin(), [](held_address const& h) { return h.floating; });
    if (auto const* const book = paths_.book(); book != nullptr && book->believes()) {
        s.peer_name = book->newest().name.view();
        s.peer_config = book->newest().config;
        s.peer_config_hash = book->newest().config_hash;
    }
    s.peer_key = paths_.heard_key();
    fill_links(v);
    notice_rejected();
    notice_one_way();
    bool const written = board_.write(s, now_);
    changed_ = !written;
    next_publish_ = now_ + (written ? publish_interval : publish_again);
}

void driver::fill_links(failover::view const& v) {
    status_.links.resize(paths_.size());
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        auto const& book = *paths_.book();
        auto const& c = book.counters(i);
        auto const hearing = book.newest().hearing[i];
        auto& l = status_.links[i];
        l.name = paths_.settings(i).name;
        l.usable = memory_[i].usable;
        l.alive = i < v.links.size() && v.links[i].alive;
        l.silence = i < v.links.size() ? v.links[i].silence : milliseconds{0};
        l.peer_hears = v.peer_alive && book.believes() && hearing.age_ms != wire::link_hearing::never &&
                       milliseconds{hearing.age_ms} < settings_.timing.deadtime;
        l.received = c.received;
        l.sent = paths_.sent(i);
        l.lost = c.lost;
        l.rejected = std::accumulate(c.rejected.begin(), c.rejected.end(), std::uint64_t{0}) -
                     c.rejected[static_cast<std::size_t>(wire::reject::unbelieved)];
    }
}

/// Tells, at most once a minute and link, why datagrams are thrown away, if an operator can do something about it.
void driver::notice_rejected() {
    constexpr std::chrono::minutes pause{1};
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        auto& m = memory_[i];
        auto const& rejected = paths_.book()->counters(i).rejected;
        if (status_.links[i].rejected == m.rejected || (m.noticed != time_point{} && now_ - m.noticed < pause)) {
            continue;
        }
        m.rejected = status_.links[i].rejected;
        auto const worst =
            static_cast<wire::reject>(std::max_element(rejected.begin(), rejected.end()) - rejected.begin());
        if (auto const remedy = remedy_of(worst); !remedy.empty()) {
            m.noticed = now_;
            tell("link",
                 "link " + paths_.settings(i).name + ": datagrams are rejected (" + std::string{to_string(worst)} +
                     "); " + std::string{remedy},
                 true);
        }
    }
}

void driver::notice_one_way() {
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        auto& m = memory_[i];
        auto const& l = status_.links[i];
        if (!l.alive || l.peer_hears) {
            m.one_way_since = now_;
            m.one_way = false;
        } else if (!m.one_way && now_ - m.one_way_since > 2 * settings_.timing.deadtime) {
            m.one_way = true;
            tell("link",
                 "link " + l.name + " works one way only: the peer is heard and doesn't hear this node; let UDP " +
                     std::to_string(paths_.settings(i).port) + " through the firewalls in both directions",
                 true);
        }
    }
}

} // namespace cluster::net
