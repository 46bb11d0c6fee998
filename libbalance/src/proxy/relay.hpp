// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/buffer_pool.hpp"
#include "proxy/traffic.hpp"
#include "proxy/transport.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace balance::layer7 {

/// One direction of a connection. `held` is taken from the pool when bytes come and given back when they are gone.
struct relay_lane {
    relay_end* from = nullptr;
    relay_end* to = nullptr;
    char* held = nullptr;
    std::size_t begin = 0;
    std::size_t end = 0;
    bool ended = false; ///< `from` will send no more, and all it sent was passed on
    std::uint64_t passed = 0; ///< bytes
    /// Whose counters the bytes go to; null where nobody counts.
    std::array<std::atomic<std::uint64_t>*, 2> counted{};
};

enum class relay_outcome : std::uint8_t {
    waiting,    ///< for the next edge of either end
    more,       ///< its turn is over though there is more to do
    ended,      ///< the end of the stream was reached and nothing is held: tell `to`
    from_reset, ///< `from` is gone without an orderly end
    to_reset    ///< `to` takes no more
};

/// Moves bytes until it would block or its turn is over. Two system calls a chunk, no allocation but a first buffer, no
/// lock.
[[nodiscard]] relay_outcome relay(relay_lane& lane, buffer_pool& pool) noexcept;

/// Gives back what the lane holds.
void drop(relay_lane& lane, buffer_pool& pool) noexcept;

} // namespace balance::layer7
