// SPDX-License-Identifier: Apache-2.0
#include "doctor/frames.hpp"

#include <algorithm>

namespace balance::doctor {
namespace {

using view = std::span<std::uint8_t const>;

constexpr std::uint16_t ethertype_ip = 0x0800;
constexpr std::uint16_t ethertype_arp = 0x0806;
constexpr std::uint16_t arp_reply = 2;
constexpr std::uint8_t protocol_ipip = 4;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint8_t protocol_gre = 47;
constexpr std::size_t ethernet_size = 14;
constexpr std::size_t arp_size = 28;
constexpr std::size_t ip_size = 20;
constexpr std::uint32_t tcp_size = 20;
constexpr std::size_t udp_size = 8;
constexpr std::uint16_t gre_checksum = 0x8000;
constexpr std::uint16_t gue_source_port = 60'000; ///< any: receivers don't look

void put16(packet& out, std::size_t v) {
    out.push_back(static_cast<std::uint8_t>(v >> 8 & 0xff));
    out.push_back(static_cast<std::uint8_t>(v & 0xff));
}

void put32(packet& out, std::uint32_t v) {
    put16(out, v >> 16);
    put16(out, v & 0xffff);
}

void put(packet& out, view bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void put(packet& out, address_v4 a) { put(out, a.to_bytes()); }

std::uint16_t get16(view in, std::size_t at) { return static_cast<std::uint16_t>(in[at] << 8 | in[at + 1]); }
std::uint32_t get32(view in, std::size_t at) {
    return static_cast<std::uint32_t>(get16(in, at)) << 16 | get16(in, at + 2);
}
mac_address get_mac(view in, std::size_t at) {
    mac_address out;
    std::copy_n(in.begin() + static_cast<std::ptrdiff_t>(at), out.size(), out.begin());
    return out;
}

/// RFC 1071, over an even number of bytes.
std::uint32_t sum(view bytes) {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        out += get16(bytes, i);
    }
    return out;
}

void set_checksum(packet& out, std::size_t at, std::uint32_t total) {
    while (total >> 16 != 0) {
        total = (total & 0xffff) + (total >> 16);
    }
    out[at] = static_cast<std::uint8_t>(~total >> 8 & 0xff);
    out[at + 1] = static_cast<std::uint8_t>(~total & 0xff);
}

packet ip_header(address_v4 source, address_v4 target, std::uint8_t protocol, std::size_t payload) {
    packet out{0x45, 0};
    put16(out, ip_size + payload);
    put32(out, 0x0000'4000); // not to be fragmented
    out.push_back(64);
    out.push_back(protocol);
    put16(out, 0);
    put(out, source);
    put(out, target);
    set_checksum(out, 10, sum(out));
    return out;
}

std::optional<arp_answer> read_arp(view in) {
    if (in.size() < arp_size || get16(in, 0) != 1 || get16(in, 2) != ethertype_ip || get16(in, 6) != arp_reply) {
        return std::nullopt;
    }
    return arp_answer{get_mac(in, 8), address_v4(get32(in, 14))};
}

std::optional<tcp_answer> read_tcp(view in) {
    if (in.size() < ip_size || in[0] >> 4 != 4 || in[9] != protocol_tcp || (get16(in, 6) & 0x1fff) != 0) {
        return std::nullopt;
    }
    std::size_t const header = (in[0] & 0xfU) * 4;
    if (header < ip_size || in.size() < header + tcp_size) {
        return std::nullopt;
    }
    auto const tcp = in.subspan(header);
    bool const accepted = (tcp[13] & 0x17) == 0x12;
    bool const refused = (tcp[13] & 0x04) != 0;
    if (!accepted && !refused) {
        return std::nullopt;
    }
    tcp_ends const ends{address_v4(get32(in, 12)), get16(tcp, 0), address_v4(get32(in, 16)), get16(tcp, 2)};
    return tcp_answer{ends, get32(tcp, 8), accepted};
}

} // namespace

std::string to_string(mac_address const& mac) {
    constexpr auto digits = "0123456789abcdef";
    std::string out;
    for (auto const byte : mac) {
        out += out.empty() ? "" : ":";
        out += digits[byte >> 4];
        out += digits[byte & 0xf];
    }
    return out;
}

packet arp_request(mac_address const& from, address_v4 target) {
    packet out(6, 0xff);
    put(out, from);
    put16(out, ethertype_arp);
    put16(out, 1); // Ethernet
    put16(out, ethertype_ip);
    put16(out, 0x0604); // lengths of the addresses
    put16(out, 1);      // request
    put(out, from);
    put(out, address_v4{});
    put(out, mac_address{});
    put(out, target);
    return out;
}

packet tcp_packet(tcp_ends const& ends, std::uint32_t sequence, tcp_flag flag) {
    auto out = ip_header(ends.source, ends.target, protocol_tcp, tcp_size);
    packet tcp;
    put16(tcp, ends.source_port);
    put16(tcp, ends.target_port);
    put32(tcp, sequence);
    put32(tcp, 0);
    tcp.push_back(0x50); // five words of header
    tcp.push_back(static_cast<std::uint8_t>(flag));
    put16(tcp, 1024); // window
    put32(tcp, 0);
    set_checksum(tcp, 16, sum(view(out).subspan(12)) + protocol_tcp + tcp_size + sum(tcp));
    put(out, tcp);
    return out;
}

packet in_frame(mac_address const& from, mac_address const& to, packet const& ip) {
    packet out(to.begin(), to.end());
    put(out, from);
    put16(out, ethertype_ip);
    put(out, ip);
    return out;
}

packet in_tunnel(tunnel const& t, address_v4 source, address_v4 target, packet const& ip) {
    packet header;
    std::uint8_t protocol = protocol_ipip;
    if (t.type == tunnel::kind::gre) {
        protocol = protocol_gre;
        bool const summed = t.sum != tunnel::checksum::none;
        put16(header, summed ? gre_checksum : 0);
        put16(header, ethertype_ip);
        if (summed) {
            put32(header, 0);
            set_checksum(header, 4, sum(header) + sum(ip));
        }
    } else if (t.type == tunnel::kind::gue) {
        protocol = protocol_udp;
        put16(header, gue_source_port);
        put16(header, t.port);
        put16(header, udp_size + 4 + ip.size());
        put16(header, 0); // no checksum, which every receiver takes
        put16(header, protocol_ipip);
        put16(header, 0);
    }
    auto out = ip_header(source, target, protocol, header.size() + ip.size());
    put(out, header);
    put(out, ip);
    return out;
}

unsigned overhead(tunnel const& t) noexcept {
    switch (t.type) {
    case tunnel::kind::gre:
        return t.sum == tunnel::checksum::none ? 24 : 28;
    case tunnel::kind::gue:
        return t.sum == tunnel::checksum::remote ? 40 : 32; // IPVS adds an option of 8 bytes for it
    case tunnel::kind::ipip:
        break;
    }
    return 20;
}

heard read_frame(view frame) noexcept {
    if (frame.size() < ethernet_size) {
        return {};
    }
    switch (get16(frame, 12)) {
    case ethertype_arp:
        return {read_arp(frame.subspan(ethernet_size)), {}};
    case ethertype_ip:
        return {{}, read_tcp(frame.subspan(ethernet_size))};
    default:
        return {};
    }
}

} // namespace balance::doctor
