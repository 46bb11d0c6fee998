// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dyad::cli {

/// "512 B", "1.2 MB", "3.4 GB": powers of 1000.
std::string size_text(std::int64_t bytes);
/// "40 ms", "3 s", "2 min 5 s", "3 h 12 min", "4 d 2 h".
std::string age_text(std::int64_t ms);
/// Columns that UTF-8 text takes on a terminal, one for each character.
std::size_t width(std::string_view s) noexcept;
/// At most `columns` wide, the rest replaced by "…".
std::string shortened(std::string_view s, std::size_t columns);

enum class colour { none, green, yellow, red, bold };
/// `s` in a colour, when `on`.
std::string painted(std::string_view s, colour c, bool on);

} // namespace dyad::cli
