// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dyad::cli {

/// What a drill does to the active node.
enum class drill_kind {
    planned, ///< it hands the addresses over
    process, ///< its cluster process is killed
    link,    ///< all its networks of addresses and heartbeats are cut for a time
    freeze   ///< all processes of dyadd stand still for a time
};

[[nodiscard]] constexpr std::string_view to_string(drill_kind k) noexcept {
    switch (k) {
    case drill_kind::planned:
        return "planned";
    case drill_kind::process:
        return "process";
    case drill_kind::link:
        return "link";
    case drill_kind::freeze:
        return "freeze";
    }
    return "";
}

/// The reverse, of each word; none: planned. Errors: `invalid_configuration`.
[[nodiscard]] balance::result<std::vector<drill_kind>> parse_kinds(std::vector<std::string> const& words);

} // namespace dyad::cli
