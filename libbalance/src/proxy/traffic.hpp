// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/latency.hpp"

#include <balance/status.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace balance::layer7 {

/// A counter that one thread writes and others may read at any time: a plain load and store is enough, no bus lock is
/// needed.
using counter = std::atomic<std::uint64_t>;

inline void add(counter& c, std::uint64_t n) noexcept {
    c.store(c.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

/// Lengths of time of this minute and the last. One thread writes.
class recent_times {
public:
    using clock = std::chrono::steady_clock;

    void add(clock::duration length, clock::time_point now) noexcept;
    /// Adds what was counted lately to `sum`.
    void read(std::array<std::uint64_t, core::latency::classes>& sum, clock::time_point now) const noexcept;

private:
    using counts = std::array<std::atomic<std::uint32_t>, core::latency::classes>;

    std::array<counts, 2> minutes_{}; ///< even and odd ones
    std::atomic<std::int64_t> minute_{0};
};

/// Why a client did not get what it came for.
enum class failure : std::uint8_t { refused, no_server, no_room, unreachable, broken, late };

/// One thread's share of an object's counters; on cache lines of its own.
struct alignas(64) traffic {
    counter connections{0};
    counter in_bytes{0};  ///< from clients
    counter out_bytes{0}; ///< to clients
    std::array<counter, 5> answers{};
    std::array<counter, 6> failures{};
    recent_times times;

    void count(failure f) noexcept { add(failures[static_cast<std::size_t>(f)], 1); }
    void count_answer(unsigned status) noexcept { add(answers[status / 100 - 1], 1); }
};

/// The sums over all threads.
[[nodiscard]] counters total(std::vector<traffic> const& shares) noexcept;
[[nodiscard]] exchanges total_exchanges(std::vector<traffic> const& shares, recent_times::clock::time_point now) noexcept;

/// What went wrong at a server: unreachable, broken and late, over all threads; with `server_errors` answers 5xx as well.
[[nodiscard]] std::uint64_t errors_of(std::vector<traffic> const& shares, bool server_errors) noexcept;

/// What counters grow by in a second, averaged over the last few; asked every second or less often.
class rate_meter {
public:
    using clock = std::chrono::steady_clock;

    rates read(counters const& now, clock::time_point when) noexcept;
    /// Nothing was counted from the last look until then.
    void rested_until(clock::time_point when) noexcept;

private:
    counters last_{};
    clock::time_point asked_{};
    double connections_ = 0;
    double in_bytes_ = 0;
    double out_bytes_ = 0;
};

} // namespace balance::layer7
