// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>

namespace dyad {

/// What the guardian gives the cluster process on its way.
struct cluster_process_context {
    std::filesystem::path config_dir;
    std::filesystem::path state_dir;
    std::filesystem::path run_dir;
    std::string log_level;
    int guardian_fd = -1;                           ///< messages to and from the guardian; owned by the process
    std::atomic<std::uint64_t>* liveness = nullptr; ///< shared with the guardian
};

/// Exit codes that tell the guardian not to start the process again.
inline constexpr int exit_refused = 77;       ///< a capability is missing or a port is taken; said on stderr
inline constexpr int exit_configuration = 78; ///< the configuration has faults; said on stderr

/// The process that keeps the pair alive: failover, addresses, layer 4, replication, control API. Returns its exit
/// code.
int run_cluster_process(cluster_process_context ctx);

} // namespace dyad
