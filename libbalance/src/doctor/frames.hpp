// SPDX-License-Identifier: Apache-2.0
// The packets that the doctor sends and hears. Pure: bytes only, all in network order.
#pragma once

#include <balance/service.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace balance::doctor {

using boost::asio::ip::address_v4;
using mac_address = std::array<std::uint8_t, 6>;
using packet = std::vector<std::uint8_t>;

/// "52:54:00:12:34:56".
std::string to_string(mac_address const& mac);

/// An ARP request to all (RFC 826) without a sender's address: it asks and neither claims nor teaches anything (a probe of
/// RFC 5227, 2.1.1).
packet arp_request(mac_address const& from, address_v4 target);

/// The ends of a TCP connection.
struct tcp_ends {
    address_v4 source;
    std::uint16_t source_port = 0;
    address_v4 target;
    std::uint16_t target_port = 0;
};

enum class tcp_flag : std::uint8_t { syn = 0x02, reset = 0x04 };

/// An IPv4 packet with a TCP header, 40 bytes.
packet tcp_packet(tcp_ends const& ends, std::uint32_t sequence, tcp_flag flag);

/// The packet behind an Ethernet header.
packet in_frame(mac_address const& from, mac_address const& to, packet const& ip);

/// The packet as IPVS would send it through a tunnel from `source` to `target`.
packet in_tunnel(tunnel const& t, address_v4 source, address_v4 target, packet const& ip);

/// Bytes that the tunnel adds to a packet.
unsigned overhead(tunnel const& t) noexcept;

/// What somebody said.
struct arp_answer {
    mac_address mac{};
    address_v4 address;

    bool operator==(arp_answer const&) const = default;
};
struct tcp_answer {
    tcp_ends ends; ///< as the sender sees them
    std::uint32_t acknowledged = 0;
    bool accepted = false; ///< SYN and ACK; else RST
};
struct heard {
    std::optional<arp_answer> arp;
    std::optional<tcp_answer> tcp;
};

/// Reads an Ethernet frame; neither member when it is something else or cut off.
heard read_frame(std::span<std::uint8_t const> frame) noexcept;

} // namespace balance::doctor
