// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/unique_fd.hpp"
#include "wire/heartbeat.hpp"

#include <cluster/node.hpp>

#include <array>
#include <memory>
#include <span>

namespace cluster::net {

/// One heartbeat path: a non-blocking UDP socket bound to the link's local address, and to its interface where one is
/// named. Bound with IP_FREEBIND, so that a node can start before its network is up; the link becomes usable later.
class udp_link {
public:
    /// A received datagram; `bytes` is valid until the next `receive`.
    struct datagram {
        wire::byte_view bytes;
        wire::reject reject = wire::reject::none; ///< `wrong_source` or `truncated`, when the socket could tell
    };
    static constexpr std::size_t batch = 32;

    /// Errors: `already_exists` (port taken), `not_permitted`, `not_found` (interface), `not_supported` (address
    /// family).
    static result<udp_link> open(link_settings const& s) { return open(s, s.port); }
    /// The same from another local port; 0: any that is free.
    static result<udp_link> open(link_settings const& s, std::uint16_t local_port);

    udp_link(udp_link&&) noexcept;
    udp_link& operator=(udp_link&&) noexcept;
    ~udp_link();

    [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }
    /// Index of the interface at the time of `open`; 0 when none is named.
    [[nodiscard]] unsigned interface_index() const noexcept { return interface_index_; }

    /// What has arrived, at most `batch` datagrams; empty when nothing is left.
    std::span<datagram const> receive();

    /// False when the kernel could not send it now (no route, no neighbour, buffer full): as good as lost on the way.
    bool send(wire::byte_view frame) noexcept;

private:
    struct buffers;
    udp_link(unique_fd fd, unsigned interface_index, endpoint const& peer);

    unique_fd fd_;
    unsigned interface_index_ = 0;
    std::unique_ptr<buffers> buffers_; ///< on the heap: recvmmsg's headers point into it
};

} // namespace cluster::net
