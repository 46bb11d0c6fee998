// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <string>

namespace balance::probe {

/// What to check and how: everything that one check needs to know. Services whose orders have the same key share it.
struct order {
    endpoint target; ///< where the check goes; port 0 for ping
    health_check check;
    /// What the check says of itself in front of all else on TCP: servers that await the PROXY protocol would refuse it.
    proxy_protocol::version greeting = proxy_protocol::version::none;
    endpoint virtual_service; ///< what an external check is told; unset for all others, so that services can share them
    server_key names{};       ///< of service and server; as that
};

/// The order for one server of a service.
[[nodiscard]] order make_order(virtual_service const& service, real_server const& server);

/// Equal exactly for orders that are the same check.
[[nodiscard]] std::string key_of(order const& o);

} // namespace balance::probe
