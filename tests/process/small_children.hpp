// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guardian_lab.hpp"

namespace test {

/// A cluster process that does what the guardian can see of one: heartbeats into the shared word, answers to "stop",
/// connections to the workers. On "reload" it asks for another proxy.
int small_cluster(dyad::child_context ctx, cluster_manners const& manners, journal const& out);

/// A worker: takes listeners, says hello over every connection it gets, serves each client its pid, and when it was replaced
/// accepts none but goes on. `serves`: it tells the guardian that it does.
int small_worker(dyad::child_context ctx, std::string const& name, journal const& out, bool serves = true);

} // namespace test
