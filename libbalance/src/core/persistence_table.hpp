// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/client_index.hpp"

#include <balance/service.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace balance::core {

/// Which server each client of one service goes to.
///
/// A fixed number of entries; the one used longest ago makes room for a new one. Time is handed in and must not go
/// back. Lookups allocate nothing; memory grows with the entries up to the limit. Every write carries a sequence number
/// that is higher than all seen before, so that two tables that exchange their entries end up alike.
class persistence_table {
public:
    using clock_time = std::chrono::steady_clock::time_point;

    struct settings {
        std::size_t size = 10240;                   ///< entries kept, at least 1
        std::chrono::milliseconds timeout{300'000}; ///< since its last use; `forever` for no expiry
        std::uint8_t granularity =
            128;                     ///< prefix length; for IPv4 clients above 32 counts as 32; 0: all clients are one
        std::uint64_t hash_seed = 0; ///< secret, so that clients cannot choose addresses that collide
    };

    /// No expiry. About 146 years, far from where arithmetic on time points would overflow.
    static constexpr std::chrono::milliseconds forever{std::int64_t{1} << 42};

    /// An entry as others see it. `server` is valid until the table is changed.
    struct entry {
        address client; ///< masked
        std::string_view server;
        std::uint64_t sequence = 0;
        std::chrono::milliseconds remaining{0};
    };

    explicit persistence_table(settings s);

    /// The client's server, unless there is none or it has expired. Does not count as use.
    [[nodiscard]] std::optional<std::string_view> find(address const& client, clock_time now) const;

    /// The client uses `server` from `now` on. The entry when the peer should learn of it: it is new, names another
    /// server or was last told a tenth of the timeout ago; else nothing.
    std::optional<entry> use(address const& client, std::string_view server, clock_time now);

    /// Takes over another table's entry if its sequence is higher than ours; of two with the same sequence the greater
    /// server name wins on both sides. Without a server it removes ours. False when ours stays.
    bool merge(address const& client, std::string_view server, std::uint64_t sequence,
               std::chrono::milliseconds remaining, clock_time now);

    /// Of an entry that will be merged soon: call both for some entries, one after the other, and then `merge` for each.
    void bring_bucket(address const& client) const noexcept { nodes_.bring_bucket(masked(client)); }
    void bring_node(address const& client) const noexcept { nodes_.bring_node(masked(client)); }

    /// Everything that has not expired, least recently used first.
    [[nodiscard]] std::vector<entry> snapshot(clock_time now) const;

    /// Other limits from now on; entries beyond a smaller size leave at once. Another granularity empties the table.
    void configure(settings s);

    [[nodiscard]] settings const& current_settings() const noexcept { return settings_; }
    [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }

private:
    struct alignas(64) node {
        client_key client{};
        std::uint64_t sequence = 0;
        clock_time expires{};
        clock_time told{}; ///< when the entry was last returned by `use`
        std::uint32_t server = 0;
        std::uint32_t chain = 0;
        std::uint32_t older = 0;
        std::uint32_t newer = 0;
    };
    static constexpr std::uint32_t none = client_index<node>::none;

    [[nodiscard]] client_key masked(address const& client) const noexcept;
    [[nodiscard]] entry view(node const& n, clock_time now) const;
    std::uint32_t server_number(std::string_view server);
    std::uint32_t insert(client_key const& k, clock_time now);

    settings settings_;
    client_index<node> nodes_; ///< the one used longest ago is the oldest
    std::vector<std::string> servers_;
    std::uint64_t last_sequence_ = 0;
};

} // namespace balance::core
