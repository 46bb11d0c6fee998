// SPDX-License-Identifier: Apache-2.0
#include "cluster/persistence_copy.hpp"

#include <algorithm>

namespace dyad {

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
