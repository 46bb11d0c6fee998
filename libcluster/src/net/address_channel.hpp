// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/network_view.hpp"
#include "net/unique_fd.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace cluster::net {

/// Puts addresses on interfaces and takes them off, many in one system call. Blocks until the kernel has answered,
/// which can take a while when somebody else holds its configuration lock: never call it on the heartbeat thread.
class address_channel {
public:
    static result<address_channel> open();

    /// Puts them on without duplicate address detection and without a route, or renews them. The kernel takes each off
    /// after `lifetime` unless it is renewed; zero means never. Answers 0 or an errno for each.
    std::vector<int> put(std::span<placed_address const> addresses, std::chrono::seconds lifetime);

    /// May this process change addresses? 0 or an errno.
    int may_change();

    /// Takes them off; one that isn't there is no error.
    std::vector<int> remove(std::span<placed_address const> addresses);

private:
    explicit address_channel(unique_fd fd) : fd_(std::move(fd)) {}
    void append(std::uint16_t type, std::uint16_t flags, placed_address const& a, std::uint32_t lifetime);
    std::vector<int> transact(std::size_t count);
    bool collect(std::uint32_t first_sequence, std::span<int> answers);

    unique_fd fd_;
    std::uint32_t sequence_ = 0;
    std::vector<std::uint8_t> request_;
    std::vector<std::size_t> ends_; ///< of the messages in `request_`
};

} // namespace cluster::net
