// SPDX-License-Identifier: Apache-2.0
// Moving bytes through the sockets of a session, in clear or in TLS.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>

struct ssl_st;

namespace balance::layer7 {

/// One of the two sockets of a relayed connection and what epoll last said of it.
struct relay_end {
    int fd = -1;
    bool readable = false;
    bool writable = false;
    /// The peer has closed, reset or sent urgent data: no further edge may come, so reading goes on to the very end and
    /// a short read does not mean that nothing is left.
    bool last_words = false;
    ssl_st* tls = nullptr; ///< null: in clear. Its handshake is part of the first bytes, either way

    /// Takes in the events of an edge-triggered registration.
    void note(std::uint32_t events) noexcept;
};

enum class transfer : std::uint8_t {
    done,
    blocked, ///< for the next edge
    ended,   ///< the sender has said its last; reading only
    failed
};
struct transferred {
    transfer outcome = transfer::blocked;
    std::size_t bytes = 0;
};

/// Reads once, up to `size` bytes.
[[nodiscard]] transferred receive(relay_end& from, char* into, std::size_t size) noexcept;

/// Writes once, as much as is taken of two pieces, of which either may be empty. In TLS both are one record if they fit.
[[nodiscard]] transferred send(relay_end& to, std::array<iovec, 2> const& pieces) noexcept;

/// Is nothing there to be read, neither in the socket nor within TLS? What is left over of one exchange must not be taken
/// for the answer of the next.
[[nodiscard]] bool is_silent(relay_end& end) noexcept;

/// Has the peer ended its stream, and was all that it said read? In TLS only a closed socket counts.
[[nodiscard]] bool has_ended(relay_end const& end) noexcept;

/// Nothing more will be sent; reading goes on.
void end_sending(relay_end& to) noexcept;

} // namespace balance::layer7
