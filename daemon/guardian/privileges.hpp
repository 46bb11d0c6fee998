// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

namespace dyad {

/// For a process that speaks with strangers: gives up root and every capability for good, writes no core (it may hold
/// other people's data), is killed when its parent dies, and first of all when memory is short.
///
/// Root becomes user `dyad` if there is one, else `nobody`; the group is `nogroup`, never `dyad`, whose members may use
/// the control socket. Whoever is not root stays who he is. Errors: `io_error`; the caller must not go on.
balance::result<> drop_privileges();

} // namespace dyad
