// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dyad::config {

/// The lines of one service: its table and those below it.
struct service_part {
    std::string_view name;
    std::string_view text;
};

/// The text of a cluster.toml, taken apart at the headers of its tables.
struct service_parts {
    std::vector<service_part> services; ///< in the file's order, each name once
    std::string rest;                   ///< everything else
};

/// Pure; the views are into `text`. Nothing where the parts would not mean alone what they mean together, or where the
/// text is written in a way that this does not look into: a service in two places, headers with blanks or escapes, lists
/// of tables. What is no TOML may be taken apart; then one of its parts is no TOML.
std::optional<service_parts> take_apart(std::string_view text);

} // namespace dyad::config
