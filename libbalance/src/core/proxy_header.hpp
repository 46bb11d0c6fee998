// SPDX-License-Identifier: Apache-2.0
// The PROXY protocol, versions 1 and 2: what one relay tells the next of a client, in front of all other bytes. Pure.
#pragma once

#include <balance/service.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace balance::core {

/// Who connected, and where to.
struct proxied_ends {
    endpoint client;
    endpoint local;

    bool operator==(proxied_ends const&) const = default;
};

/// What the first bytes of a connection come to.
struct proxy_header {
    enum class outcome : std::uint8_t { incomplete, complete, malformed };

    /// Longer ones, with whatever they may tell beside addresses, are malformed.
    static constexpr std::size_t longest = 4096;
    static constexpr std::size_t longest_written = 107;

    outcome state = outcome::incomplete;
    std::size_t size = 0; ///< bytes of a complete one
    /// Absent: the relay speaks for itself (LOCAL), or does not know (UNKNOWN); the connection's own addresses count.
    std::optional<proxied_ends> ends;
};

/// Reads what is there so far. What follows the addresses of version 2 is passed over. IPv4 in IPv6 form becomes IPv4.
proxy_header read_proxy_header(std::string_view bytes) noexcept;

/// A header to send.
struct written_header {
    std::array<char, proxy_header::longest_written> bytes;
    std::size_t size = 0;

    [[nodiscard]] std::string_view text() const noexcept { return {bytes.data(), size}; }
};

/// `v` is not `none`. Ends of two families, where a header cannot name both as they are, are told as IPv6.
written_header write_proxy_header(proxy_protocol::version v, proxied_ends const& ends) noexcept;

/// What a relay says that speaks for itself, as a health check does.
std::string_view own_proxy_header(proxy_protocol::version v) noexcept;

} // namespace balance::core
