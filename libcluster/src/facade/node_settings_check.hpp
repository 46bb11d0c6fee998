// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/node.hpp>

namespace cluster {

/// Everything that is wrong with `s`, in one `invalid_configuration`.
[[nodiscard]] result<> check(node_settings const& s);

} // namespace cluster
