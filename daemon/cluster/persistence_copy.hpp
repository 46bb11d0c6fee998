// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/proxy.hpp>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dyad {

/// The authoritative copy of the proxy's persistence tables: a dead proxy loses no entry, and the peer has the same.
/// The greater sequence wins; an expired entry never comes back. Pure.
class persistence_copy {
public:
    /// Entries that may be kept; beyond it those that expire first go, a tenth of them at once.
    explicit persistence_copy(std::size_t limit = 1'000'000) : limit_(limit) {}

    void merge(std::span<balance::persistence_entry const> entries, std::int64_t now_ms);
    /// All that have not expired, with the time that remains.
    [[nodiscard]] std::vector<balance::persistence_entry> all(std::int64_t now_ms) const;
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

private:
    struct entry {
        std::string server;
        std::uint64_t sequence = 0;
        std::int64_t expires_ms = 0;
    };
    void make_room(std::int64_t now_ms);

    std::map<std::pair<std::string, balance::address>, entry> entries_; ///< (service, client)
    std::size_t limit_;
};

} // namespace dyad
