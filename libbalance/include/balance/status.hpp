// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace balance {

/// Per second, averaged over the last seconds. Packets: layer 4 only.
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

/// Lengths of time that half, nine in ten and 99 in a hundred stayed below, to a quarter of their size.
struct percentiles {
    std::uint64_t count = 0; ///< of what these tell about
    std::chrono::microseconds p50{0};
    std::chrono::microseconds p90{0};
    std::chrono::microseconds p99{0};

    bool operator==(percentiles const&) const = default;
};

/// Layer 7: what became of clients' requests, or with mode tcp of their connections.
struct exchanges {
    std::array<std::uint64_t, 5> answers{}; ///< mode http: of servers, with status 1xx (101 alone) to 5xx
    std::uint64_t refused = 0;     ///< mode http: requests that are malformed, too large, too slow or sent elsewhere
    std::uint64_t no_server = 0;   ///< none could take it
    std::uint64_t no_room = 0;     ///< waited in vain for room at a server
    std::uint64_t unreachable = 0; ///< attempts to connect to a server that failed
    std::uint64_t broken = 0;      ///< mode http: answers that are malformed or end too early
    std::uint64_t late = 0;        ///< mode http: answers that did not come in time
    /// Of the last one or two minutes. Mode http: from a request's head to the head of its answer; tcp: until a server
    /// was connected.
    percentiles time{};

    bool operator==(exchanges const&) const = default;
};

struct server_status {
    std::string name;
    std::uint32_t active_connections = 0;
    std::uint32_t inactive_connections = 0; ///< layer 4: closing or UDP
    balance::counters counters;
    balance::exchanges exchanges{}; ///< those that this server had

    bool operator==(server_status const&) const = default;
};

struct service_status {
    std::string name;
    /// Empty when the service is served; else why not and what to do about it, in one sentence.
    std::string not_served;
    bool fallback_active = false; ///< no server is left and the fallback takes new connections; layer 4
    std::uint32_t waiting = 0;    ///< clients that wait for room at a server; layer 7
    balance::counters counters;
    balance::exchanges exchanges{};
    std::vector<server_status> servers{};

    bool operator==(service_status const&) const = default;
};

} // namespace balance
