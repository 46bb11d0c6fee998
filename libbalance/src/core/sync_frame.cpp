// SPDX-License-Identifier: Apache-2.0
#include "core/sync_frame.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace balance::ipvs {
namespace {

constexpr std::size_t ethernet_header = 14;
constexpr std::size_t ip_header = 20;
constexpr std::size_t udp_header = 8;
constexpr std::size_t all_headers = ethernet_header + ip_header + udp_header;

constexpr std::uint16_t ipv4_type = 0x0800;
constexpr std::uint8_t version_and_length = 0x45; // IPv4, no options
constexpr std::uint8_t udp = 17;
constexpr std::uint16_t sync_port = 8848;
constexpr std::array<std::uint8_t, 4> group{224, 0, 0, 81};
constexpr std::array<std::uint8_t, 6> group_mac{0x01, 0x00, 0x5e, 0x00, 0x00, 0x51};
constexpr std::array<std::uint8_t, 6> peer_mac{0x02, 0x00, 0x00, 0x00, 0x66, 0x94}; // locally administered
constexpr std::uint16_t fragment_bits = 0x3fff; // "more fragments" and the offset

std::uint8_t at(std::span<std::byte const> bytes, std::size_t place) { return std::to_integer<std::uint8_t>(bytes[place]); }

std::uint16_t word_at(std::span<std::byte const> bytes, std::size_t place) {
    return static_cast<std::uint16_t>(at(bytes, place) << 8 | at(bytes, place + 1));
}

void put(std::vector<std::byte>& out, std::size_t place, std::uint16_t value) {
    out[place] = static_cast<std::byte>(value >> 8);
    out[place + 1] = static_cast<std::byte>(value & 0xff);
}

template <class Bytes>
void put_all(std::vector<std::byte>& out, std::size_t place, Bytes const& bytes) {
    for (auto const b : bytes) {
        out[place++] = static_cast<std::byte>(b);
    }
}

/// RFC 1071.
std::uint16_t checksum(std::span<std::byte const> header) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < header.size(); i += 2) {
        sum += word_at(header, i);
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

} // namespace

std::optional<std::span<std::byte const>> sync_datagram_of(std::span<std::byte const> frame) {
    if (frame.size() < all_headers || word_at(frame, ethernet_header - 2) != ipv4_type) {
        return std::nullopt;
    }
    auto const packet = frame.subspan(ethernet_header);
    auto const to_group = std::equal(group.begin(), group.end(), packet.begin() + 16,
                                     [](std::uint8_t a, std::byte b) { return a == std::to_integer<std::uint8_t>(b); });
    if (at(packet, 0) != version_and_length || at(packet, 9) != udp || !to_group || (word_at(packet, 6) & fragment_bits) != 0) {
        return std::nullopt;
    }
    auto const segment = packet.subspan(ip_header);
    std::size_t const length = word_at(segment, 4);
    if (word_at(segment, 2) != sync_port || length < udp_header || length > segment.size()) {
        return std::nullopt;
    }
    return segment.subspan(udp_header, length - udp_header);
}

std::vector<std::byte> sync_frame_of(std::span<std::byte const> datagram, boost::asio::ip::address_v4 source) {
    if (datagram.empty() || datagram.size() > longest_sync_datagram) {
        return {};
    }
    std::vector<std::byte> out(all_headers);
    put_all(out, 0, group_mac);
    put_all(out, 6, peer_mac);
    put(out, 12, ipv4_type);
    constexpr auto packet = ethernet_header;
    out[packet] = static_cast<std::byte>(version_and_length);
    put(out, packet + 2, static_cast<std::uint16_t>(ip_header + udp_header + datagram.size()));
    out[packet + 8] = std::byte{1}; // hops: never further than this interface
    out[packet + 9] = static_cast<std::byte>(udp);
    put_all(out, packet + 12, source.to_bytes());
    put_all(out, packet + 16, group);
    put(out, packet + 10, checksum(std::span(out).subspan(packet, ip_header)));
    constexpr auto segment = packet + ip_header;
    put(out, segment, sync_port);
    put(out, segment + 2, sync_port);
    put(out, segment + 4, static_cast<std::uint16_t>(udp_header + datagram.size()));
    // No UDP checksum (RFC 768 allows 0): the datagram came through an authenticated channel.
    out.insert(out.end(), datagram.begin(), datagram.end());
    return out;
}

} // namespace balance::ipvs
