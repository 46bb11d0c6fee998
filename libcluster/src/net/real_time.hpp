// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace cluster::net {

/// Gives the calling thread SCHED_FIFO with `priority` and a stack that is already in memory. Empty when it worked,
/// else a sentence that says what is missing; the thread then goes on without.
[[nodiscard]] std::string make_real_time(int priority);

/// Locks the process's memory as it comes into use. Left alone, and said so, where a limit would make later allocations
/// fail instead.
[[nodiscard]] std::string lock_memory();

/// See `node::give_back_memory`.
void give_back_memory();

} // namespace cluster::net
