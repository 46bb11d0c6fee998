// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/checker.hpp>

#include <boost/system/error_code.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace balance::probe {

/// Results with a reason that keeps the promise of `check_result::reason`: one line of printable characters, at most
/// 200.
[[nodiscard]] check_result success(std::string_view reason);
[[nodiscard]] check_result failure(std::string_view reason);

/// "connection refused", "no route to host": the system's words without their capital.
[[nodiscard]] std::string words_for(boost::system::error_code const& ec);
[[nodiscard]] std::string words_for(int errno_value);

/// What a stranger sent, in quotes: at most `most` characters, what is not printable as dots, "…" where it goes on.
[[nodiscard]] std::string excerpt(std::string_view text, std::size_t most = 60);

/// The first `most` bytes as ASCII that can be read back: \r, \n, \t, \\ and \x00 for what is not printable.
[[nodiscard]] std::string escaped(std::string_view bytes, std::size_t most);

/// "5 s", "1500 ms".
[[nodiscard]] std::string span_of_time(std::chrono::milliseconds d);

} // namespace balance::probe
