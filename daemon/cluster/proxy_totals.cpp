// SPDX-License-Identifier: Apache-2.0
#include "cluster/proxy_totals.hpp"

#include <algorithm>
#include <utility>

namespace dyad {

namespace {

/// The one of that name; processes mostly list the same in the same order. Null when there is none.
template <class List>
auto* named(List& list, std::string const& name, std::size_t likely_at) {
    if (likely_at < list.size() && list[likely_at].name == name) {
        return &list[likely_at];
    }
    auto const found = std::ranges::find_if(list, [&](auto const& item) { return item.name == name; });
    return found == list.end() ? nullptr : &*found;
}

void add(balance::counters& to, balance::counters const& from) {
    to.connections += from.connections;
    to.in_packets += from.in_packets;
    to.out_packets += from.out_packets;
    to.in_bytes += from.in_bytes;
    to.out_bytes += from.out_bytes;
    to.per_second.connections += from.per_second.connections;
    to.per_second.in_packets += from.per_second.in_packets;
    to.per_second.out_packets += from.per_second.out_packets;
    to.per_second.in_bytes += from.per_second.in_bytes;
    to.per_second.out_bytes += from.per_second.out_bytes;
}

/// Percentiles cannot be added: those of the busier process count.
void add(balance::exchanges& to, balance::exchanges const& from) {
    for (std::size_t i = 0; i < to.answers.size(); ++i) {
        to.answers[i] += from.answers[i];
    }
    to.refused += from.refused;
    to.no_server += from.no_server;
    to.no_room += from.no_room;
    to.unreachable += from.unreachable;
    to.broken += from.broken;
    to.late += from.late;
    if (from.time.count > to.time.count) {
        to.time = from.time;
    }
}

void add(balance::service_status& to, balance::service_status const& from) {
    to.waiting += from.waiting;
    add(to.counters, from.counters);
    add(to.exchanges, from.exchanges);
    for (std::size_t i = 0; i < from.servers.size(); ++i) {
        auto const& server = from.servers[i];
        auto* const same = named(to.servers, server.name, i);
        if (same == nullptr) {
            continue; // it is not in the configuration any more
        }
        same->active_connections += server.active_connections;
        same->inactive_connections += server.inactive_connections;
        add(same->counters, server.counters);
        add(same->exchanges, server.exchanges);
    }
}

/// What stays of a process that has ended.
balance::service_status lasting_part(balance::service_status s) {
    auto const clear = [](auto& of) {
        of.counters.per_second = {};
        of.exchanges.time = {};
    };
    s.not_served.clear();
    s.waiting = 0;
    clear(s);
    for (auto& server : s.servers) {
        server.active_connections = server.inactive_connections = 0;
        clear(server);
    }
    return s;
}

} // namespace

void proxy_totals::take(std::int64_t pid, bool whole, std::uint64_t connections, std::vector<balance::service_status> services) {
    auto& p = living_[pid];
    p.connections = connections;
    if (whole) {
        p.services = std::move(services);
        return;
    }
    for (auto& s : services) {
        if (auto* const known = named(p.services, s.name, p.services.size())) {
            *known = std::move(s);
        }
    }
}

void proxy_totals::set_roles(std::int64_t serving, std::set<std::int64_t> const& replaced) {
    replaced_.insert(replaced.begin(), replaced.end()); // one that has ended stays until `gone`, which may come later
    if (serving <= 0 || serving == serving_) {
        return;
    }
    if (!replaced_.contains(serving_)) {
        living_.erase(serving_);
    }
    serving_ = serving;
}

void proxy_totals::gone(std::int64_t pid) {
    bool const was_replaced = replaced_.erase(pid) != 0;
    if (pid == serving_) {
        return;
    }
    auto const ended = living_.extract(pid);
    if (ended.empty() || !was_replaced) {
        return;
    }
    for (auto const& s : ended.mapped().services) {
        auto lasting = lasting_part(s);
        if (auto const old = past_.find(s.name); old != past_.end()) {
            add(lasting, old->second);
        }
        past_[s.name] = std::move(lasting);
    }
}

std::vector<balance::service_status> proxy_totals::sum() const {
    auto const serving = living_.find(serving_);
    if (serving == living_.end()) {
        return {};
    }
    auto out = serving->second.services;
    for (std::size_t i = 0; i < out.size(); ++i) {
        auto& s = out[i];
        if (auto const past = past_.find(s.name); past != past_.end()) {
            add(s, past->second);
        }
        for (auto const& [pid, other] : living_) {
            if (auto const* const same = pid == serving_ ? nullptr : named(other.services, s.name, i)) {
                add(s, *same);
            }
        }
    }
    return out;
}

std::uint64_t proxy_totals::connections(std::int64_t pid) const {
    auto const found = living_.find(pid);
    return found == living_.end() ? 0 : found->second.connections;
}

} // namespace dyad
