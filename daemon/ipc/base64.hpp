// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dyad::ipc {

/// RFC 4648 §4, padded.
std::string to_base64(std::span<std::uint8_t const> bytes);
/// The reverse; nothing for anything but whole, padded, canonical text.
std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text);

} // namespace dyad::ipc
