// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guardian/child.hpp"

namespace dyad {

/// The process that speaks the health checks' protocols with real servers. Gives up its privileges first. Returns its
/// exit code, when the guardian is gone or SIGTERM came.
///
/// From the cluster process: {"type":"configure","cluster_toml","known":[…]}. To it: {"type":"health",…} for each
/// server whose health changed, {"type":"results","entries":[…]} with what else there is to show. When a cluster
/// process dies the checks go on; the next one is told what they know that it does not.
int run_checker_process(child_context ctx);

} // namespace dyad
