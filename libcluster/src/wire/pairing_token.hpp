// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace cluster::wire {

using token_bytes = std::array<std::uint8_t, 16>;

/// 128 bits as a person reads and types them: seven groups of four letters and digits of Crockford's base 32, which has
/// no I, L, O and U. The last two are a checksum that finds every single wrong character and every two that were
/// swapped.
std::string format_token(token_bytes const& bytes);

/// The reverse. Small letters, I and L for 1, O for 0, and any spaces and dashes are fine. Errors: `refused` with a
/// sentence that repeats nothing of what was typed.
balance::result<token_bytes> parse_token(std::string_view typed);

} // namespace cluster::wire
