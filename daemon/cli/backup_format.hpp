// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// The bytes of a backup. Pure; docs/OPERATIONS.md, "What a backup is made of".
namespace dyad::cli::backup {

enum class root : std::uint8_t { config = 1, state = 2 }; ///< which of the node's directories

enum class kind : std::uint8_t {
    file = 0,
    link = 1,     ///< symbolic; its bytes are its target, a neighbour
    directory = 2 ///< without bytes
};

struct item {
    backup::root root = backup::root::config;
    backup::kind kind = backup::kind::file;
    std::uint16_t mode = 0600;
    std::string name; ///< below its root, such as "certificates/web.pem"
    std::string bytes;

    bool operator==(item const&) const = default;
};

inline constexpr std::size_t most_bytes = std::size_t{512} << 20; ///< of a backup
inline constexpr std::size_t most_items = 100'000;

/// May an item be called that? Relative, at most 8 levels of 1 to 255 bytes, none of them "." or "..".
[[nodiscard]] bool good_name(std::string_view name);

std::string encode(std::vector<item> const& items);
/// Errors: `protocol_error`. What it returns has good names, none twice, and links that lead to a neighbour.
balance::result<std::vector<item>> decode(std::string_view bytes);

/// What surrounds them in the file.
struct envelope {
    bool sealed = false; ///< `body` is encrypted
    std::array<std::uint8_t, 16> salt{};
    std::array<std::uint8_t, 12> nonce{};
    std::string_view head; ///< as it lies in the file: what a seal covers beside the body
    std::string_view body;
};

inline constexpr std::uint8_t newest_version = 1;
inline constexpr std::size_t head_size = 52;
inline constexpr std::size_t checksum_size = 32; ///< SHA-256 of all before it, at the end

std::string encode_head(envelope const& e, std::size_t body_size);
/// Views into `bytes`; the checksum is for the caller to compare. Errors: `protocol_error` with what is wrong.
balance::result<envelope> decode_envelope(std::string_view bytes);

} // namespace dyad::cli::backup
