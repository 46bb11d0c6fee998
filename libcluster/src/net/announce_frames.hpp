// SPDX-License-Identifier: Apache-2.0
// The frames that tell neighbours where an address is now. Pure: bytes only.
#pragma once

#include "net/network_view.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace cluster::net {

/// Ethernet header and ARP packet, 42 bytes; the network card pads it.
using arp_frame = std::array<std::uint8_t, 42>;
/// Ethernet header, IPv6 header and neighbour advertisement with one option, 86 bytes.
using advertisement_frame = std::array<std::uint8_t, 86>;

enum class arp_operation : std::uint8_t { request = 1, reply = 2 };

/// Gratuitous ARP (RFC 5227, section 3): sender and target protocol address are both `a`. Some neighbours heed only the
/// request form, others only the reply.
[[nodiscard]] arp_frame gratuitous_arp(arp_operation what, mac_address const& mac,
                                       boost::asio::ip::address_v4 const& a) noexcept;

/// Asks who has `a` without claiming it (RFC 5227, section 2.1.1): whoever has it answers with `arp_answer`.
[[nodiscard]] arp_frame arp_probe(mac_address const& mac, boost::asio::ip::address_v4 const& a) noexcept;

/// Who answered a probe.
struct arp_answer {
    mac_address mac{};
    boost::asio::ip::address_v4 address;

    bool operator==(arp_answer const&) const = default;
};
/// Reads a received frame; nothing when it is no answer to a probe.
[[nodiscard]] std::optional<arp_answer> read_arp_answer(std::span<std::uint8_t const> frame) noexcept;

/// Unsolicited neighbour advertisement to all nodes with the override flag (RFC 4861, section 7.2.6). `router` is the
/// router flag: true when the interface forwards.
[[nodiscard]] advertisement_frame unsolicited_advertisement(mac_address const& mac,
                                                            boost::asio::ip::address_v6 const& a, bool router) noexcept;

} // namespace cluster::net
