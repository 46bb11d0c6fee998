// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace balance {

/// Per second, averaged by the kernel over the last seconds. Layer 4 only.
struct rates {
    std::uint64_t connections = 0;
    std::uint64_t in_packets = 0;
    std::uint64_t out_packets = 0;
    std::uint64_t in_bytes = 0;
    std::uint64_t out_bytes = 0;

    bool operator==(rates const&) const = default;
};

/// Counters since the service was programmed; 64 bits, never reset by a configuration change that leaves the object alone.
struct counters {
    std::uint64_t connections = 0;
    std::uint64_t in_packets = 0; ///< layer 4 only
    std::uint64_t out_packets = 0;
    std::uint64_t in_bytes = 0;
    std::uint64_t out_bytes = 0;
    rates per_second{};

    bool operator==(counters const&) const = default;
};

struct server_status {
    std::string name;
    std::uint32_t active_connections = 0;
    std::uint32_t inactive_connections = 0; ///< layer 4: closing or UDP
    balance::counters counters;

    bool operator==(server_status const&) const = default;
};

struct service_status {
    std::string name;
    /// Empty when the service is served; else why not and what to do about it, in one sentence.
    std::string not_served;
    bool fallback_active = false; ///< no server is left and the fallback takes new connections; layer 4
    std::uint32_t waiting = 0;    ///< clients that wait for room at a server; layer 7
    balance::counters counters;
    std::vector<server_status> servers;

    bool operator==(service_status const&) const = default;
};

} // namespace balance
