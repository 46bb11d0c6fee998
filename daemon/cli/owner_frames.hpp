// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

// Asking who owns an address, in Ethernet frames: ARP (RFC 826) with IPv4, neighbour discovery (RFC 4861 §4.3, §4.4) with
// IPv6. The questions are those that any station asks before it sends: nobody learns a thing from them that isn't so. Pure.
namespace dyad::cli {

using mac_address = std::array<std::uint8_t, 6>;

/// "02:77:00:00:00:01".
[[nodiscard]] std::string mac_text(mac_address const& mac);

/// To all stations, or with IPv6 to those that may own `target`. `own` is an address of the asking interface, of the same family.
[[nodiscard]] std::vector<std::uint8_t> owner_question(mac_address const& mac, balance::address const& own,
                                                       balance::address const& target);

/// Who says to own what.
struct owner_claim {
    balance::address address;
    mac_address mac{};
};
/// What a frame to `mac` answers; nothing when it is none, or cut short.
[[nodiscard]] std::optional<owner_claim> owner_answer(std::span<std::uint8_t const> frame, mac_address const& mac);

} // namespace dyad::cli
