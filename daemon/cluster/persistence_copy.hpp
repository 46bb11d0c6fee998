// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/proxy.hpp>

#include <cstdint>
#include <map>
#include <optional>
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
    /// All that have not expired, with the time that remains; what was cleared, too, as entries without a server.
    [[nodiscard]] std::vector<balance::persistence_entry> all(std::int64_t now_ms) const;
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

    /// Where a page begins: behind this entry. Empty: at the beginning.
    struct position {
        std::string service;
        balance::address client;
    };
    struct page {
        std::vector<balance::persistence_entry> entries;
        bool more = false;
    };
    /// The entries in force, by service and client, `most` at most; only those of `service`, unless that is empty.
    [[nodiscard]] page read(std::string const& service, std::optional<position> const& after, std::size_t most,
                            std::int64_t now_ms) const;

    /// Clears the entries of a service, or that of one client, who goes wherever the service's granularity (a prefix length)
    /// puts it. What it returns is for the proxy and the peer to merge: it outweighs what either may have on its way.
    std::vector<balance::persistence_entry> clear(std::string const& service, std::optional<balance::address> const& client,
                                                  std::uint8_t granularity, std::int64_t now_ms);

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
