// SPDX-License-Identifier: Apache-2.0
// The outside of a heartbeat datagram, version 1: docs/PROTOCOL.md, "Heartbeat (UDP 6694)".
#pragma once

#include "wire/cipher.hpp"

#include <cluster/types.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace cluster::wire {

inline constexpr std::uint8_t protocol_version = 1;
inline constexpr std::size_t header_size = 32;
inline constexpr std::size_t max_links = 8;

/// Names one life of one node; random.
using session_id = std::array<std::uint8_t, 16>;

enum class frame_type : std::uint8_t {
    heartbeat = 1,
    goodbye = 2 ///< the sender's session is over for good; no body
};

/// The clear part of a frame, all of it authenticated.
struct frame_header {
    frame_type type = frame_type::heartbeat;
    node_id sender = node_id::none;
    std::uint8_t link = 0;
    session_id session{};
    std::uint64_t counter = 0; ///< heartbeat: one number per frame of a session; goodbye: the link

    bool operator==(frame_header const&) const = default;
};

/// Why a datagram counted for nothing. Each has a counter of its own.
enum class reject : std::uint8_t {
    none,
    truncated,     ///< too short to be a frame, or longer than any
    malformed,     ///< not ours, or fields out of range
    other_version, ///< a version of the protocol that this program doesn't speak
    reflected,     ///< our own, come back
    wrong_link,    ///< sent on another link than it came in on
    forged,        ///< the authentication fails: another cluster, a changed byte
    replayed,      ///< seen before
    stale,         ///< too old to tell whether it was seen before
    old_session,   ///< of a session that is over
    unbelieved,    ///< of a session that hasn't answered our challenge yet
    throttled,     ///< too many unknown sessions at a time
    wrong_source   ///< not from the peer's address
};
inline constexpr std::size_t reject_count = 13;

[[nodiscard]] std::string_view to_string(reject r) noexcept;

using header_bytes = std::array<std::uint8_t, header_size>;

[[nodiscard]] header_bytes encode(frame_header const& h) noexcept;

/// Reads the header of `datagram`; `out` is meaningful when the answer is `reject::none`.
[[nodiscard]] reject decode(byte_view datagram, frame_header& out) noexcept;

/// Never the same twice under one key: the type in front keeps the counters of the types apart.
[[nodiscard]] nonce nonce_of(frame_header const& h) noexcept;

} // namespace cluster::wire
