// SPDX-License-Identifier: Apache-2.0
// How long things took, counted by length. Pure.
#pragma once

#include <balance/status.hpp>

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace balance::core::latency {

using std::chrono::microseconds;

/// A class holds lengths that differ by a quarter at most; the last one all that are longer than some 70 minutes.
inline constexpr std::size_t classes = 124;

[[nodiscard]] constexpr std::size_t class_of(microseconds length) noexcept {
    auto const n = length.count() < 0 ? std::uint64_t{0} : static_cast<std::uint64_t>(length.count());
    if (n < 4)
        return static_cast<std::size_t>(n);
    auto const top = static_cast<std::size_t>(std::bit_width(n)) - 1; // from 2 on
    auto const at = 4 * (top - 1) + static_cast<std::size_t>(n >> (top - 2) & 3);
    return at < classes ? at : classes - 1;
}

/// The longest of a class.
[[nodiscard]] constexpr microseconds longest_of(std::size_t which) noexcept {
    if (which < 4)
        return microseconds(which);
    auto const top = which / 4 + 1;
    auto const first = (std::uint64_t{4} + which % 4) << (top - 2);
    return microseconds(first + (std::uint64_t{1} << (top - 2)) - 1);
}

/// Lengths that half, nine in ten and 99 in a hundred stayed below.
[[nodiscard]] percentiles percentiles_of(std::span<std::uint64_t const, classes> counts) noexcept;

} // namespace balance::core::latency
