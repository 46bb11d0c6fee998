// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace balance::probe {

/// JSON pointer (RFC 6901) -> value as JSON.
using json_values = std::vector<std::pair<std::string, std::string>>;

/// Empty when `body` is JSON with these values at these places, else what differs. Numbers are compared as numbers. Pure
/// and bounded: what is nested more than 32 deep is refused.
[[nodiscard]] std::string json_difference(std::string_view body, json_values const& wanted);

} // namespace balance::probe
