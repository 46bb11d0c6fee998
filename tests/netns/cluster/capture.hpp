// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "namespace.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace lab {

/// Records the frames that pass an interface, in both directions.
class capture {
public:
    struct frame {
        std::chrono::steady_clock::time_point at;
        bool outgoing = false;
        std::vector<std::uint8_t> bytes;
    };
    capture(network_namespace const& where, char const* interface);
    ~capture();

    [[nodiscard]] std::vector<frame> frames() const;
    /// The UDP payloads to port 6694.
    [[nodiscard]] std::vector<std::vector<std::uint8_t>> heartbeats() const;

private:
    int fd_ = -1;
    mutable std::mutex mutex_;
    std::vector<frame> frames_;
    std::atomic<bool> over_{false};
    std::thread thread_;
};

} // namespace lab
