// SPDX-License-Identifier: Apache-2.0
#include "net/announce_frames.hpp"

#include "wire/byte_order.hpp"

#include <algorithm>
#include <span>

namespace cluster::net {
namespace {

constexpr mac_address broadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr mac_address all_nodes_mac{0x33, 0x33, 0, 0, 0, 1}; // RFC 2464, section 7
constexpr std::array<std::uint8_t, 16> all_nodes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr std::uint16_t ethertype_arp = 0x0806;
constexpr std::uint16_t ethertype_ipv6 = 0x86dd;
constexpr std::uint8_t next_header_icmpv6 = 58;
constexpr std::uint16_t advertisement_size = 32;

using wire::put;
using wire::take;

template <std::size_t N>
std::uint8_t* put_bytes(std::uint8_t* at, std::array<std::uint8_t, N> const& bytes) noexcept {
    return std::copy(bytes.begin(), bytes.end(), at);
}

arp_frame arp(arp_operation what, mac_address const& sender, std::uint32_t sender_ip, mac_address const& target,
              std::uint32_t target_ip) noexcept {
    arp_frame out{};
    std::uint8_t* at = put_bytes(put_bytes(out.data(), broadcast), sender);
    at = put(at, ethertype_arp);
    at = put(at, std::uint16_t{1});      // hardware: Ethernet
    at = put(at, std::uint16_t{0x0800}); // protocol: IPv4
    *at++ = 6;
    *at++ = 4;
    at = put(at, static_cast<std::uint16_t>(what));
    at = put(put_bytes(at, sender), sender_ip);
    put(put_bytes(at, target), target_ip);
    return out;
}

std::uint32_t sum(std::span<std::uint8_t const> bytes) noexcept {
    std::uint32_t total = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        total += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    }
    return total;
}

/// Over the pseudo header (RFC 8200, section 8.1), which is addresses, length and next header, and the message.
std::uint16_t checksum(std::span<std::uint8_t const> addresses, std::span<std::uint8_t const> message) noexcept {
    auto total = sum(addresses) + sum(message) + static_cast<std::uint32_t>(message.size()) + next_header_icmpv6;
    while (total > 0xffff) {
        total = (total & 0xffff) + (total >> 16);
    }
    return static_cast<std::uint16_t>(~total);
}

} // namespace

arp_frame gratuitous_arp(arp_operation what, mac_address const& mac, boost::asio::ip::address_v4 const& a) noexcept {
    // The request form as arping -U and -A send it: target hardware address of all ones; a reply names the sender
    // again, or Linux doesn't count it as gratuitous.
    return arp(what, mac, a.to_uint(), what == arp_operation::request ? broadcast : mac, a.to_uint());
}

arp_frame arp_probe(mac_address const& mac, boost::asio::ip::address_v4 const& a) noexcept {
    return arp(arp_operation::request, mac, 0, {}, a.to_uint());
}

std::optional<arp_answer> read_arp_answer(std::span<std::uint8_t const> frame) noexcept {
    arp_frame const expected = arp(arp_operation::reply, {}, 0, {}, 0);
    constexpr std::size_t fixed_at = 12; // ethertype, hardware, protocol, sizes and operation
    constexpr std::size_t sender_at = 22;
    constexpr std::size_t target_at = 38;
    if (frame.size() < expected.size() ||
        !std::equal(expected.begin() + fixed_at, expected.begin() + sender_at, frame.begin() + fixed_at)) {
        return std::nullopt;
    }
    std::uint8_t const* target = frame.data() + target_at;
    if (take<std::uint32_t>(target) != 0) {
        return std::nullopt; // somebody else's conversation
    }
    arp_answer out;
    std::uint8_t const* at = frame.data() + sender_at;
    std::copy_n(at, out.mac.size(), out.mac.begin());
    at += out.mac.size();
    out.address = boost::asio::ip::address_v4{take<std::uint32_t>(at)};
    return out;
}

advertisement_frame unsolicited_advertisement(mac_address const& mac, boost::asio::ip::address_v6 const& a,
                                              bool router) noexcept {
    constexpr std::size_t ip_at = 14;
    constexpr std::size_t addresses_at = ip_at + 8;
    constexpr std::size_t message_at = ip_at + 40;
    constexpr std::uint8_t neighbour_advertisement = 136;
    constexpr std::uint8_t router_flag = 0x80;
    constexpr std::uint8_t override_flag = 0x20;
    advertisement_frame out{};
    std::uint8_t* at = put_bytes(put_bytes(out.data(), all_nodes_mac), mac);
    at = put(at, ethertype_ipv6);
    at = put(at, std::uint32_t{6} << 28); // version, no traffic class, no flow label
    at = put(at, advertisement_size);
    *at++ = next_header_icmpv6;
    *at++ = 255; // a router must not have forwarded it
    at = put_bytes(put_bytes(at, a.to_bytes()), all_nodes);
    *at++ = neighbour_advertisement;
    *at++ = 0;
    at = put(at, std::uint16_t{0}); // checksum, below
    *at++ = static_cast<std::uint8_t>(override_flag | (router ? router_flag : 0));
    at = put_bytes(at + 3, a.to_bytes());
    *at++ = 2; // option: target link-layer address
    *at++ = 1; // in units of eight bytes
    put_bytes(at, mac);
    std::span const all{out};
    put(out.data() + message_at + 2, checksum(all.subspan(addresses_at, 32), all.subspan(message_at)));
    return out;
}

} // namespace cluster::net
