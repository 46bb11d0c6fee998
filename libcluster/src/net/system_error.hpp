// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/types.hpp>

#include <string>

namespace cluster::net {

/// Turns the failure `number` (errno) of what `what` describes into an error with its reason and, where one is known,
/// its remedy: "link data: binding to 10.0.0.1:6694: address already in use; …".
[[nodiscard]] error system_error(std::string what, int number, std::string const& remedy = {});

} // namespace cluster::net
