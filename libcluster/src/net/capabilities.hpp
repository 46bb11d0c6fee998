// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

namespace cluster::net {

/// Does this process have the capability in force? `number` is one of linux/capability.h.
[[nodiscard]] bool has_capability(unsigned number) noexcept;

/// What a node cannot do without: CAP_NET_ADMIN for addresses, CAP_NET_RAW for announcements. Errors: `not_permitted`
/// that names what is missing and how to give it.
[[nodiscard]] balance::result<> need_network_capabilities();

} // namespace cluster::net
