// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guardian/child.hpp"
#include "guardian/last_will.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace dyad {

struct guardian_settings {
    std::filesystem::path state_dir; ///< locked, so that no second dyadd works on it
    std::filesystem::path run_dir;   ///< the same
    child_entry cluster;
    child_entry checker;
    child_entry proxy;
    std::filesystem::path program; ///< that a proxy is made of which takes the place of another; as it lies there then
    std::vector<std::string> proxy_arguments; ///< of that program, its own name first; `live_in_program` is for what follows
    std::chrono::milliseconds proxy_patience{10'000}; ///< until such a proxy serves
    last_will::address_remover remove_addresses; ///< cluster::remove_addresses
    last_will::datagram_sender send_goodbyes;    ///< cluster::send_sealed
};

/// The parent of all processes, in the foreground: starts them, connects them, starts them again, watches the cluster
/// process, holds the layer-7 listening sockets. Touches no network input. The caller must have one thread.
///
/// Returns the exit code: 0 after SIGTERM or SIGINT, 1 when it cannot start; why was logged. docs/PROCESSES.md has
/// the messages.
int run_guardian(guardian_settings settings);

} // namespace dyad
