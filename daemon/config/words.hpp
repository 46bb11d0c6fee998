// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace dyad::config {

/// "100ms", "5s", "33m", "2h": a whole number with its unit. Errors say what a time looks like.
balance::result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The reverse, with the largest unit that leaves a whole number.
std::string format_duration(std::chrono::milliseconds d);

/// So many in so much time.
struct rate {
    std::uint32_t count = 0;
    std::chrono::milliseconds period{0};
};
/// "300/10s": 1 to 1000000, and a time from 1ms to 24h.
balance::result<rate> parse_rate(std::string_view text);

/// The prefix length of "24" bits, "255.255.255.0" or "ffff:ffff::". Errors: not a contiguous mask.
balance::result<std::uint8_t> parse_netmask(std::string_view text);

/// The candidate that `word` was probably meant to be: few letters changed, swapped, left out or added. Empty: none.
std::string_view nearest(std::string_view word, std::span<std::string_view const> candidates);

/// `text` with control characters escaped and cut after 1000 bytes: what it quotes from a file cannot garble a
/// terminal.
std::string one_line(std::string_view text);

/// "a, b, c".
std::string join(std::span<std::string_view const> words);

} // namespace dyad::config
