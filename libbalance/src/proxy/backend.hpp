// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/traffic.hpp"

#include <balance/service.hpp>

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace balance::layer7 {

/// Where connections of a service can go: a real server, or the fallback. Immutable but for its counters and its life.
struct backend {
    backend(std::string server_name, endpoint where, std::size_t threads)
        : name(std::move(server_name)), target(std::move(where)), shares(threads) {}

    std::string const name;
    endpoint const target;       ///< port 0: the port the client connected to
    std::vector<traffic> shares; ///< one per thread
    rate_meter rate;             ///< whoever asks for the status has it alone

    /// Ends when the server goes down or is halted; connections of an earlier life are cut.
    std::atomic<std::uint64_t> life{0};
};

} // namespace balance::layer7
