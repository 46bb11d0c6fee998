// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/ping_tally.hpp"
#include "net/unique_fd.hpp"

#include <optional>

namespace cluster::net {

/// Pings nodes through raw ICMP sockets that never wait.
class ping_socket {
public:
    /// One for each address family: `v4` says which. Replies to others' pings are dropped by `identifier`.
    static result<ping_socket> open(bool v4, std::uint16_t identifier);

    [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }
    void send(address const& to, std::uint16_t sequence) noexcept;
    /// Takes in what has arrived, a bounded number of messages at a time. When the newest of what was answered was asked.
    std::optional<ping_tally::time_point> receive(ping_tally& tally, ping_tally::time_point now) noexcept;

private:
    ping_socket(unique_fd fd, bool v4, std::uint16_t identifier)
        : fd_(std::move(fd)), v4_(v4), identifier_(identifier) {}

    unique_fd fd_;
    bool v4_;
    std::uint16_t identifier_;
};

} // namespace cluster::net
