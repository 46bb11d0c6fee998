// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guardian/child.hpp"

namespace dyad {

/// The process that relays layer 7. Gives up its privileges first. Returns its exit code, when the guardian is gone or
/// SIGTERM came.
///
/// From the guardian: {"type":"listeners",…} with sockets, {"type":"retire",…} when another one has taken its place: then it
/// ends with its last connection. From the cluster process:
/// {"type":"configure","cluster_toml", "states":[…]}, {"type":"states","states":[…]}, {"type":"merge","entries":[…]}.
/// To it: {"type":"persistence","entries": […]} within 50 ms, {"type":"status","whole","services":[…]} every second. When a
/// cluster process dies it goes on serving with what it has; the next one gets all tables.
int run_proxy_process(child_context ctx);

} // namespace dyad
