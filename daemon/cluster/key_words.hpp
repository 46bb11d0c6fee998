// SPDX-License-Identifier: Apache-2.0
// What two nodes say to each other on the channel "key"; docs/PROTOCOL.md, "Replacing the key". Pure.
#pragma once

#include <cluster/key_rotation.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace dyad {

inline constexpr std::string_view key_channel = "key";

std::string key_word(cluster::key_rotation::holds const& h);
std::string key_word(cluster::key const& offered);
std::string key_word(cluster::key_rotation::refused const& r);

using heard_key_word = std::variant<cluster::key_rotation::holds, cluster::key, cluster::key_rotation::refused>;
/// Nothing: a word of a later release, which is passed over, or nonsense.
std::optional<heard_key_word> parse_key_word(std::string_view bytes);

} // namespace dyad
