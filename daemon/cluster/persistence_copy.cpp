// SPDX-License-Identifier: Apache-2.0
#include "cluster/persistence_copy.hpp"

#include <algorithm>

namespace dyad {

namespace {

/// More than a proxy writes while a message is on its way to it.
constexpr std::uint64_t far_ahead = std::uint64_t{1} << 32;

/// As the proxy's own table keeps it: IPv4 for IPv4 in IPv6 form, and the first bits alone.
balance::address client_network(balance::address client, unsigned bits) {
    namespace ip = boost::asio::ip;
    if (client.is_v6() && client.to_v6().is_v4_mapped()) {
        client = ip::make_address_v4(ip::v4_mapped, client.to_v6());
    }
    auto const cut = [bits](auto bytes) {
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            unsigned const here = std::min(bits - std::min(bits, static_cast<unsigned>(8 * i)), 8u);
            bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00u >> here));
        }
        return bytes;
    };
    return client.is_v4() ? balance::address(ip::address_v4(cut(client.to_v4().to_bytes())))
                          : balance::address(ip::address_v6(cut(client.to_v6().to_bytes())));
}

} // namespace

void persistence_copy::merge(std::span<balance::persistence_entry const> entries, std::int64_t now_ms) {
    for (auto const& e : entries) {
        if (e.remaining.count() <= 0) {
            continue;
        }
        entry const fresh{e.server, e.sequence, now_ms + e.remaining.count()};
        auto const [place, added] = entries_.try_emplace({e.service, e.client}, fresh);
        if (!added && (fresh.sequence > place->second.sequence || place->second.expires_ms <= now_ms)) {
            place->second = fresh;
        }
    }
    if (entries_.size() > limit_) {
        make_room(now_ms);
    }
}

persistence_copy::page persistence_copy::read(std::string const& service, std::optional<position> const& after, std::size_t most,
                                              std::int64_t now_ms) const {
    page out;
    auto it = after ? entries_.upper_bound({after->service, after->client}) : entries_.lower_bound({service, {}});
    for (; it != entries_.end() && (service.empty() || it->first.first == service); ++it) {
        auto const& [key, e] = *it;
        if (e.server.empty() || e.expires_ms <= now_ms) {
            continue;
        }
        if (out.entries.size() == most) {
            out.more = true;
            break;
        }
        out.entries.push_back({key.first, key.second, e.server, e.sequence, balance::milliseconds(e.expires_ms - now_ms)});
    }
    return out;
}

std::vector<balance::persistence_entry> persistence_copy::clear(std::string const& service,
                                                                std::optional<balance::address> const& client,
                                                                std::uint8_t granularity, std::int64_t now_ms) {
    std::uint64_t newest = 0;
    std::vector<balance::persistence_entry> out;
    auto const first = entries_.lower_bound({service, {}});
    auto last = first;
    for (; last != entries_.end() && last->first.first == service; ++last) {
        newest = std::max(newest, last->second.sequence);
    }
    auto const only = client ? std::optional(client_network(*client, granularity)) : std::nullopt;
    for (auto it = first; it != last; ++it) {
        auto& e = it->second;
        if (e.server.empty() || e.expires_ms <= now_ms || (only && it->first.second != *only)) {
            continue;
        }
        e.server.clear();
        e.sequence = newest + far_ahead;
        out.push_back({service, it->first.second, {}, e.sequence, balance::milliseconds(e.expires_ms - now_ms)});
    }
    return out;
}

std::vector<balance::persistence_entry> persistence_copy::all(std::int64_t now_ms) const {
    std::vector<balance::persistence_entry> list;
    for (auto const& [key, e] : entries_) {
        if (e.expires_ms > now_ms) {
            list.push_back({key.first, key.second, e.server, e.sequence, balance::milliseconds(e.expires_ms - now_ms)});
        }
    }
    return list;
}

void persistence_copy::make_room(std::int64_t now_ms) {
    std::erase_if(entries_, [now_ms](auto const& item) { return item.second.expires_ms <= now_ms; });
    if (entries_.size() <= limit_) {
        return;
    }
    std::vector<std::int64_t> expiries;
    expiries.reserve(entries_.size());
    for (auto const& [key, e] : entries_) {
        expiries.push_back(e.expires_ms);
    }
    auto const kept = limit_ - limit_ / 10; // some room, or every further entry would come here again
    auto const cut = expiries.begin() + static_cast<std::ptrdiff_t>(entries_.size() - kept - 1);
    std::nth_element(expiries.begin(), cut, expiries.end());
    std::erase_if(entries_, [limit = *cut](auto const& item) { return item.second.expires_ms <= limit; });
}

} // namespace dyad
