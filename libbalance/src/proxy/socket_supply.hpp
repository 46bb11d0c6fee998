// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/descriptor.hpp"

#include <balance/service.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

namespace balance::layer7 {

/// Sockets that may have addresses of others (IP_TRANSPARENT), for connections to servers from clients' own addresses. Only
/// who is privileged can make them, and that is somebody else, or ourselves.
class socket_supply {
public:
    using wanted = std::function<void(std::size_t ipv4, std::size_t ipv6)>;

    /// From now on somebody else makes them.
    void ask(wanted callback);
    /// True when somebody found none before, who should look again.
    [[nodiscard]] bool fill(std::vector<int> const& ipv4, std::vector<int> const& ipv6);
    /// Which families services need now.
    void expect(bool ipv4, bool ipv6);

    /// A fresh one; none, and `errno` says why: EAGAIN as long as others have not made any.
    [[nodiscard]] descriptor take(bool ipv6);

private:
    struct stock {
        std::vector<descriptor> sockets;
        std::size_t asked = 0; ///< on their way, unless they are late
        std::chrono::steady_clock::time_point asked_at{};
        bool needed = false;
        bool missed = false; ///< somebody found none

        [[nodiscard]] std::size_t missing() const noexcept;
    };

    void ask_for_more(std::unique_lock<std::mutex>& lock);

    std::mutex mutex_;             ///< of all below; not held while `wanted_` is called
    std::array<stock, 2> stocks_{}; ///< IPv4, IPv6
    wanted wanted_;
};

/// Gives the socket an address that is somebody else's; the kernel chooses the port when it connects, free towards that server.
/// False when it refuses.
[[nodiscard]] bool borrow_address(int fd, address const& client) noexcept;

} // namespace balance::layer7
