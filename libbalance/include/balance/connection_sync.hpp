// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace balance {

/// Can the kernel keep the connections of these services alike on two machines? It cannot beside a tunnel to a server
/// of another address family. Pure.
[[gnu::visibility("default")]] bool can_synchronise(configuration const& c);

/// Keeps IPVS connections and persistence on two machines alike, so that a take-over breaks none.
///
/// Runs the kernel's two sync daemons, sender and receiver, on a tap interface of its own. What the kernel would send
/// to the network is read here, to be carried to the peer by a channel that authenticates it; what comes from the peer
/// is delivered here. The kernel's datagrams carry no authentication themselves: one forged datagram makes it send
/// clients to a stranger, so they must never cross a shared network as they are.
///
/// A connection is told of after its third packet, within 3 s: the kernel collects for 2 s, and looks once a second.
///
/// Acts on the network namespace of the calling thread of `start`. Not thread-safe. Needs CAP_NET_ADMIN and
/// /dev/net/tun. Destroying it stops the daemons and removes the interface; connections stay.
class [[gnu::visibility("default")]] connection_sync {
public:
    struct settings {
        std::string interface = "dyad-sync"; ///< made here; at most 15 bytes
        bool first = true;                   ///< which of the two nodes this is: each has an address of its own
        std::uint8_t id = 94;                ///< 0 to 255, the same on both nodes
    };

    /// Errors: `not_supported` (no IPVS, no /dev/net/tun), `not_permitted`, `already_exists` (the interface is
    /// somebody's), `io_error`.
    static result<connection_sync> start(settings s);
    ~connection_sync();
    connection_sync(connection_sync &&) noexcept;
    connection_sync& operator=(connection_sync&&) noexcept;

    /// Becomes readable when the kernel has something for the peer. Owned by this object.
    [[nodiscard]] int descriptor() const noexcept;

    /// The next datagram for the peer; nothing when there is none now.
    [[nodiscard]] std::optional<std::vector<std::byte>> read();

    /// Gives the kernel a datagram of the peer. One that is longer than a frame is ignored.
    void deliver(std::span<std::byte const> datagram);

private:
    struct impl;
    explicit connection_sync(std::unique_ptr<impl> i) noexcept;
    std::unique_ptr<impl> impl_;
};

} // namespace balance
