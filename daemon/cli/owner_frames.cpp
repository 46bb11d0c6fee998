// SPDX-License-Identifier: Apache-2.0
#include <cli/owner_frames.hpp>

#include <algorithm>
#include <cstdio>

namespace dyad::cli {
namespace {

constexpr std::size_t ethernet_size = 14;
constexpr std::size_t arp_size = 28;
constexpr std::size_t ipv6_size = 40;
constexpr std::size_t advertisement_size = 24; ///< without options
constexpr std::uint8_t icmpv6 = 58;
constexpr std::uint8_t solicitation = 135;
constexpr std::uint8_t advertisement = 136;
constexpr std::uint8_t source_link_address = 1;
constexpr std::uint8_t target_link_address = 2;

using frame_bytes = std::vector<std::uint8_t>;

template <class Bytes>
void add_bytes(frame_bytes& out, Bytes const& bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

mac_address mac_at(std::span<std::uint8_t const> frame, std::size_t at) {
    mac_address out{};
    std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), out.size(), out.begin());
    return out;
}

frame_bytes arp_request(mac_address const& mac, boost::asio::ip::address_v4 own, boost::asio::ip::address_v4 target) {
    frame_bytes out(6, 0xff);
    add_bytes(out, mac);
    add_bytes(out, std::array<std::uint8_t, 10>{0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1});
    add_bytes(out, mac);
    add_bytes(out, own.to_bytes());
    add_bytes(out, mac_address{});
    add_bytes(out, target.to_bytes());
    return out;
}

/// RFC 4443 §2.3, over the frame's IPv6 addresses and what is behind its header.
void write_checksum(frame_bytes& frame) {
    auto const size = frame.size() - ethernet_size - ipv6_size;
    std::uint32_t sum = static_cast<std::uint32_t>(size) + icmpv6;
    for (std::size_t i = ethernet_size + 8; i + 1 < frame.size(); i += 2) {
        sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    frame[ethernet_size + ipv6_size + 2] = static_cast<std::uint8_t>(~sum >> 8);
    frame[ethernet_size + ipv6_size + 3] = static_cast<std::uint8_t>(~sum);
}

frame_bytes neighbour_solicitation(mac_address const& mac, boost::asio::ip::address_v6 const& own,
                                   boost::asio::ip::address_v6 const& target) {
    auto const wanted = target.to_bytes();
    std::array<std::uint8_t, 16> group{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, wanted[13], wanted[14], wanted[15]};
    frame_bytes out{0x33, 0x33, group[12], group[13], group[14], group[15]};
    add_bytes(out, mac);
    add_bytes(out, std::array<std::uint8_t, 10>{0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, icmpv6, 255});
    add_bytes(out, own.to_bytes());
    add_bytes(out, group);
    add_bytes(out, std::array<std::uint8_t, 8>{solicitation});
    add_bytes(out, wanted);
    add_bytes(out, std::array<std::uint8_t, 2>{source_link_address, 1});
    add_bytes(out, mac);
    write_checksum(out);
    return out;
}

std::optional<owner_claim> arp_answer(std::span<std::uint8_t const> frame) {
    constexpr std::array<std::uint8_t, 8> reply{0, 1, 0x08, 0x00, 6, 4, 0, 2};
    if (frame.size() < ethernet_size + arp_size || !std::equal(reply.begin(), reply.end(), frame.begin() + ethernet_size)) {
        return std::nullopt;
    }
    boost::asio::ip::address_v4::bytes_type bytes{};
    std::copy_n(frame.begin() + 28, bytes.size(), bytes.begin());
    return owner_claim{boost::asio::ip::address_v4(bytes), mac_at(frame, 22)};
}

std::optional<owner_claim> neighbour_advertisement(std::span<std::uint8_t const> frame) {
    constexpr auto message = ethernet_size + ipv6_size;
    if (frame.size() < message + advertisement_size || frame[ethernet_size + 6] != icmpv6 || frame[message] != advertisement) {
        return std::nullopt;
    }
    boost::asio::ip::address_v6::bytes_type bytes{};
    std::copy_n(frame.begin() + message + 8, bytes.size(), bytes.begin());
    auto mac = mac_at(frame, 6); // who answers may leave the option out (RFC 4861 §4.4)
    if (auto const option = message + advertisement_size; frame.size() >= option + 8 && frame[option] == target_link_address) {
        mac = mac_at(frame, option + 2);
    }
    return owner_claim{boost::asio::ip::address_v6(bytes), mac};
}

} // namespace

std::string mac_text(mac_address const& mac) {
    std::array<char, 18> out{};
    std::snprintf(out.data(), out.size(), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return out.data();
}

std::vector<std::uint8_t> owner_question(mac_address const& mac, balance::address const& own, balance::address const& target) {
    return target.is_v4() ? arp_request(mac, own.to_v4(), target.to_v4())
                          : neighbour_solicitation(mac, own.to_v6(), target.to_v6());
}

std::optional<owner_claim> owner_answer(std::span<std::uint8_t const> frame, mac_address const& mac) {
    if (frame.size() < ethernet_size || mac_at(frame, 0) != mac) {
        return std::nullopt;
    }
    auto const type = frame[12] << 8 | frame[13];
    return type == 0x0806 ? arp_answer(frame) : type == 0x86dd ? neighbour_advertisement(frame) : std::nullopt;
}

} // namespace dyad::cli
