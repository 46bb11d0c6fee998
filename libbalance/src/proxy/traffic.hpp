// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/status.hpp>

#include <atomic>
#include <cstdint>
#include <vector>

namespace balance::layer7 {

/// One thread's share of an object's counters; on a cache line of its own.
///
/// Only that thread writes, so a plain load and store is enough and no bus lock is needed; others may read at any time.
struct alignas(64) traffic {
    std::atomic<std::uint64_t> connections{0};
    std::atomic<std::uint64_t> in_bytes{0};  ///< from clients
    std::atomic<std::uint64_t> out_bytes{0}; ///< to clients
};

inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

/// The sum over all threads.
[[nodiscard]] inline counters total(std::vector<traffic> const& shares) noexcept {
    counters sum;
    for (auto const& t : shares) {
        sum.connections += t.connections.load(std::memory_order_relaxed);
        sum.in_bytes += t.in_bytes.load(std::memory_order_relaxed);
        sum.out_bytes += t.out_bytes.load(std::memory_order_relaxed);
    }
    return sum;
}

} // namespace balance::layer7
