// SPDX-License-Identifier: Apache-2.0
// Who may own the floating IPs, from what both nodes say of themselves: docs/FAILOVER.md, "Who takes".
#pragma once

#include "failover/events.hpp"

namespace cluster::failover {

/// Could a node that says `r` serve?
[[nodiscard]] constexpr bool able(node_report const& r) noexcept { return r.ready && r.service_ok && !r.maintenance; }

/// Would a living peer that says `r` accept the addresses now? One that offers them itself would not.
[[nodiscard]] constexpr bool can_take(node_report const& r) noexcept {
    return r.state == node_state::passive && able(r) && !r.offered;
}

/// Why a living peer that says `r` cannot take over; `none` if it can.
[[nodiscard]] constexpr refusal why_not(node_report const& r) noexcept {
    if (r.maintenance)
        return refusal::in_maintenance;
    if (!r.service_ok)
        return refusal::service_down;
    if (!r.ready)
        return refusal::peer_not_ready;
    if (r.state == node_state::listening)
        return refusal::not_listened;
    return can_take(r) ? refusal::none : refusal::in_transition;
}

/// Does `a` reach fewer ping nodes than `b`? Nobody is worse when only one of them was told to ping.
[[nodiscard]] constexpr bool worse_connected(node_report const& a, node_report const& b) noexcept {
    return a.pings_configured > 0 && b.pings_configured > 0 && a.pings_answering < b.pings_answering;
}

/// Is the node that says `r` cut off from every ping node it was told of?
[[nodiscard]] constexpr bool cut_off(node_report const& r) noexcept {
    return r.pings_configured > 0 && r.pings_answering == 0;
}

} // namespace cluster::failover
