// SPDX-License-Identifier: Apache-2.0
// Which state may follow which: docs/FAILOVER.md, "States".
#pragma once

#include <cluster/types.hpp>

#include <array>
#include <cstddef>

namespace cluster::failover {

inline constexpr std::size_t state_count = 6;

namespace detail {
//                                                      to: listening passive acquiring active releasing stopped
inline constexpr std::array<std::array<bool, state_count>, state_count> transitions{{
    /* listening */ {false, true, false, false, false, true},
    /* passive   */ {true, false, true, false, false, true},
    /* acquiring */ {false, false, false, true, true, false},
    /* active    */ {false, false, false, false, true, false},
    /* releasing */ {true, true, false, false, false, true},
    /* stopped   */ {false, false, false, false, false, false},
}};
} // namespace detail

[[nodiscard]] constexpr bool may_become(node_state from, node_state to) noexcept {
    return detail::transitions[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
}

/// The states in which a node claims the floating IPs: they are on it, or are being put on.
[[nodiscard]] constexpr bool owns(node_state s) noexcept {
    return s == node_state::acquiring || s == node_state::active;
}

static_assert(!may_become(node_state::listening, node_state::acquiring), "nobody claims without having listened");
static_assert(!may_become(node_state::active, node_state::passive), "nobody forgets addresses without taking them off");

} // namespace cluster::failover
