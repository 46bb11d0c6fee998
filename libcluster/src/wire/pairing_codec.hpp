// SPDX-License-Identifier: Apache-2.0
// What two nodes say to each other while they become a pair, within TLS whose key is the token; docs/PROTOCOL.md has
// the bytes.
#pragma once

#include <balance/error.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cluster::wire::pairing {

inline constexpr std::uint16_t version = 1;
inline constexpr std::size_t max_name = 255;
inline constexpr std::size_t max_text = 1024;
inline constexpr std::size_t max_links = 8;
inline constexpr std::size_t max_frame = 8192; ///< bytes of number and body

/// The primary's: become my secondary.
struct ask {
    std::uint16_t lowest = version;
    std::uint16_t highest = version;
    std::string name;
    std::uint16_t heartbeat_port = 0;
    std::uint16_t replication_port = 0;
    std::vector<std::string> links; ///< names of its own; none: one is made of the addresses of this connection

    bool operator==(ask const&) const = default;
};
/// `refusal` is empty: it will.
struct answer {
    std::string name;
    std::string refusal;

    bool operator==(answer const&) const = default;
};
/// The pair's key.
struct secret {
    std::array<std::uint8_t, 32> key{};

    bool operator==(secret const&) const = default;
};
/// It is kept; or why it could not be.
struct stored {
    std::string failure;

    bool operator==(stored const&) const = default;
};

/// In the order of their numbers, which begin at 1.
using message = std::variant<ask, answer, secret, stored>;

/// As a frame: length, number, body. Texts that are too long are cut.
std::string encode(message const& m);
/// The reverse for a frame's content (number and body). Errors: `protocol_error`.
balance::result<message> decode(std::string_view content);

} // namespace cluster::wire::pairing
