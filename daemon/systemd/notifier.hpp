// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipc/descriptor.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace dyad::systemd {

/// Tells the service manager how we are: sd_notify(3)'s protocol, one datagram a message to the socket that the
/// environment names. Without a service manager nothing is sent.
class notifier {
public:
    /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    notifier();

    /// "READY=1", "STATUS=active"; one assignment a line. False when it was not sent. Never blocks.
    bool send(std::string_view state) const;

    /// A WATCHDOG=1 is expected at least this often; 0: none is.
    [[nodiscard]] std::chrono::microseconds watchdog_interval() const noexcept { return watchdog_; }

private:
    std::string path_;
    ipc::descriptor socket_;
    std::chrono::microseconds watchdog_{0};
};

} // namespace dyad::systemd
