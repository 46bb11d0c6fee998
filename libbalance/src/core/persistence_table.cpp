// SPDX-License-Identifier: Apache-2.0
#include "core/persistence_table.hpp"

#include <algorithm>

namespace balance::core {
namespace {

/// A larger one is there because many clients are to come: it has its buckets from the beginning, up to so many.
constexpr std::size_t small_table = 65'536;
constexpr std::size_t most_expected = std::size_t{1} << 20;

persistence_table::settings sane(persistence_table::settings s) noexcept {
    s.size = std::clamp<std::size_t>(s.size, 1, 1u << 24);
    s.timeout = std::clamp(s.timeout, std::chrono::milliseconds(1), persistence_table::forever);
    s.granularity = std::min<std::uint8_t>(s.granularity, 128);
    return s;
}

} // namespace

persistence_table::persistence_table(settings s) : settings_(sane(s)), nodes_(settings_.hash_seed) {
    if (settings_.size > small_table)
        nodes_.expect(std::min(settings_.size, most_expected));
}

std::optional<std::string_view> persistence_table::find(address const& client, clock_time now) const {
    std::uint32_t const index = nodes_.locate(masked(client));
    if (index == none || nodes_[index].expires <= now)
        return std::nullopt;
    return servers_[nodes_[index].server];
}

std::optional<persistence_table::entry> persistence_table::use(address const& client, std::string_view server,
                                                               clock_time now) {
    client_key const k = masked(client);
    std::uint32_t index = nodes_.locate(k);
    bool news = index == none || nodes_[index].expires <= now || servers_[nodes_[index].server] != server;
    if (index == none)
        index = insert(k, now);
    node& n = nodes_[index];
    if (news)
        n.server = server_number(server);
    n.expires = now + settings_.timeout;
    nodes_.touch(index);
    if (settings_.timeout < forever && now - n.told >= settings_.timeout / 10)
        news = true;
    if (!news)
        return std::nullopt;
    n.sequence = ++last_sequence_;
    n.told = now;
    return view(n, now);
}

bool persistence_table::merge(address const& client, std::string_view server, std::uint64_t sequence,
                              std::chrono::milliseconds remaining, clock_time now) {
    if (remaining <= std::chrono::milliseconds::zero())
        return false;
    last_sequence_ = std::max(last_sequence_, sequence);
    client_key const k = masked(client);
    std::uint32_t index = nodes_.locate(k);
    if (index != none && nodes_[index].expires > now) {
        node const& ours = nodes_[index];
        if (ours.sequence > sequence || (ours.sequence == sequence && servers_[ours.server] >= server))
            return false;
    }
    if (server.empty()) {
        if (index != none)
            nodes_.erase(index);
        return index != none;
    }
    if (index == none)
        index = insert(k, now);
    node& n = nodes_[index];
    n.server = server_number(server);
    n.sequence = sequence;
    n.expires = now + std::min(remaining, settings_.timeout);
    n.told = now;
    nodes_.touch(index);
    return true;
}

std::vector<persistence_table::entry> persistence_table::snapshot(clock_time now) const {
    std::vector<entry> all;
    all.reserve(nodes_.size());
    for (std::uint32_t i = nodes_.oldest(); i != none; i = nodes_[i].newer)
        if (nodes_[i].expires > now)
            all.push_back(view(nodes_[i], now));
    return all;
}

void persistence_table::configure(settings s) {
    s = sane(s);
    if (s.granularity != settings_.granularity)
        while (nodes_.size() > 0)
            nodes_.erase(nodes_.oldest());
    while (nodes_.size() > s.size)
        nodes_.erase(nodes_.oldest());
    settings_ = s;
}

client_key persistence_table::masked(address const& client) const noexcept { return key_of(client, settings_.granularity); }

persistence_table::entry persistence_table::view(node const& n, clock_time now) const {
    entry e;
    e.client = client_of(n.client);
    e.server = servers_[n.server];
    e.sequence = n.sequence;
    e.remaining = std::chrono::ceil<std::chrono::milliseconds>(n.expires - now);
    return e;
}

std::uint32_t persistence_table::server_number(std::string_view server) {
    auto const place = std::find(servers_.begin(), servers_.end(), server) - servers_.begin();
    if (static_cast<std::size_t>(place) == servers_.size())
        servers_.emplace_back(server);
    return static_cast<std::uint32_t>(place);
}

std::uint32_t persistence_table::insert(client_key const& k, clock_time now) {
    while (nodes_.size() > 0 && (nodes_.size() >= settings_.size || nodes_[nodes_.oldest()].expires <= now))
        nodes_.erase(nodes_.oldest());
    return nodes_.insert(k);
}

} // namespace balance::core
