// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>

namespace cluster::wire {

/// Writes `value` in network byte order at `to` and returns the place behind it.
template <std::unsigned_integral T>
constexpr std::uint8_t* put(std::uint8_t* to, T value) noexcept {
    for (unsigned i = sizeof(T); i-- > 0;) {
        *to++ = static_cast<std::uint8_t>(value >> (8 * i));
    }
    return to;
}

/// Reads a number in network byte order and moves `from` behind it.
template <std::unsigned_integral T>
constexpr T take(std::uint8_t const*& from) noexcept {
    T value = 0;
    for (unsigned i = 0; i < sizeof(T); ++i) {
        value = static_cast<T>(static_cast<std::uint64_t>(value) << 8 | *from++);
    }
    return value;
}

} // namespace cluster::wire
