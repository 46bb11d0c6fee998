// SPDX-License-Identifier: Apache-2.0
// The inside of a heartbeat: docs/PROTOCOL.md, "Heartbeat (UDP 6694)".
#pragma once

#include "wire/frame.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cluster::wire {

/// Random bytes that only a living sender can send back. All zero: none.
using challenge = std::array<std::uint8_t, 16>;

/// A node's name without an allocation: at most 63 bytes, no control characters.
class node_name {
public:
    static constexpr std::size_t max_size = 63;

    node_name() = default;
    /// Cut off after 63 bytes.
    explicit node_name(std::string_view text) noexcept;

    [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }
    bool operator==(node_name const& other) const noexcept { return view() == other.view(); }

private:
    std::array<char, max_size> text_{};
    std::uint8_t size_ = 0;
};

/// What the sender heard last from the receiver on one link.
struct link_hearing {
    static constexpr std::uint32_t never = 0xffffffff;

    std::uint64_t counter = 0;
    std::uint32_t age_ms = never;

    bool operator==(link_hearing const&) const = default;
};

/// Everything a heartbeat says.
struct heartbeat {
    node_report report;
    config_version config;
    sha256 config_hash{};
    challenge asked{};    ///< send this back
    challenge answered{}; ///< what the receiver asked last
    std::uint64_t uptime_ms = 0;
    std::uint32_t link_sequence =
        0;                  ///< numbers the frames of the session on this link from 1, so that losses can be counted
    std::uint8_t links = 0; ///< how many of `hearing` are used
    std::array<link_hearing, max_links> hearing{};
    node_name name;

    bool operator==(heartbeat const&) const = default;
};

inline constexpr std::size_t heartbeat_fixed_size = 111;
inline constexpr std::size_t max_body_size = heartbeat_fixed_size + max_links * 12 + 1 + node_name::max_size;
inline constexpr std::size_t max_frame_size = 512; ///< room for fields that a later release may append

using body_buffer = std::array<std::uint8_t, max_body_size>;

/// Writes the body; returns its size.
std::size_t encode(heartbeat const& h, body_buffer& out) noexcept;

/// Reads a body. False when it is cut off or a field is out of range; bytes behind the last field are left for later
/// releases to use.
[[nodiscard]] bool decode(byte_view body, heartbeat& out) noexcept;

} // namespace cluster::wire
