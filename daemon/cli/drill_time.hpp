// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <ctime>
#include <string>

namespace dyad::cli {

/// The next time that "HH:MM" or "YYYY-MM-DDTHH:MM[:SS]" names in this machine's time zone, in seconds since 1970; "HH:MM" that is
/// over today is tomorrow's. Errors: `invalid_configuration` for words that are no time, a time that is over, or one the
/// clocks leave out; more than a week ahead.
[[nodiscard]] balance::result<std::time_t> time_named(std::string const& text, std::time_t now);

/// "2026-11-24T02:30:00.123+01:00", of this machine's time zone.
[[nodiscard]] std::string wall_time();

/// "2 h 13 min", "45 s": what is left, for somebody who waits.
[[nodiscard]] std::string left_text(std::int64_t seconds);

} // namespace dyad::cli
