// SPDX-License-Identifier: Apache-2.0
#include "doctor/frames.hpp"

#include <catch2/catch.hpp>

using namespace balance;
using namespace balance::doctor;

namespace {

address_v4 v4(char const* text) { return boost::asio::ip::make_address_v4(text); }

constexpr mac_address ours{0x02, 0, 0, 0, 0, 1};
constexpr mac_address theirs{0x52, 0x54, 0, 0x12, 0xab, 0xff};

/// One's complement sum over 16-bit words; 0xffff where the checksum inside is right.
std::uint32_t folded(std::span<std::uint8_t const> bytes, std::uint32_t start = 0) {
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        start += static_cast<std::uint32_t>(bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0));
    }
    while (start >> 16 != 0) {
        start = (start & 0xffff) + (start >> 16);
    }
    return start;
}

tcp_ends const ends{v4("198.51.100.9"), 61'234, v4("203.0.113.100"), 104};

/// What a server would say to a SYN.
packet answer(std::uint8_t flags, std::uint32_t acknowledged) {
    auto ip = tcp_packet({ends.target, ends.target_port, ends.source, ends.source_port}, 7, tcp_flag::syn);
    ip[33] = flags;
    for (int i = 0; i < 4; ++i) {
        ip[28 + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(acknowledged >> (24 - 8 * i));
    }
    return in_frame(theirs, ours, ip);
}

} // namespace

TEST_CASE("an ARP request, byte by byte") {
    auto const frame = arp_request(ours, v4("198.51.100.20"));
    CHECK(frame == packet{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1,
                          2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 198, 51, 100, 20});
}

TEST_CASE("a SYN has the flags, the ends and right checksums") {
    auto const ip = tcp_packet(ends, 0x01020304, tcp_flag::syn);
    REQUIRE(ip.size() == 40);
    CHECK(folded(std::span(ip).first(20)) == 0xffff);
    CHECK(folded(std::span(ip).subspan(12), 6 + 20) == 0xffff); // with the pseudo header
    CHECK(ip[33] == 0x02);
    CHECK(packet(ip.begin() + 24, ip.begin() + 28) == packet{1, 2, 3, 4});
    CHECK(packet(ip.begin() + 20, ip.begin() + 24) == packet{0xef, 0x32, 0, 104});
}

TEST_CASE("tunnels wrap a packet as the kernel does") {
    auto const inner = tcp_packet(ends, 1, tcp_flag::syn);
    auto const tail = [&](packet const& p) { return packet(p.end() - 40, p.end()) == inner; };
    for (auto const& [t, protocol, more] :
         {std::tuple{tunnel{tunnel::kind::ipip, 0, tunnel::checksum::none}, 4, 20U},
          std::tuple{tunnel{tunnel::kind::gre, 0, tunnel::checksum::none}, 47, 24U},
          std::tuple{tunnel{tunnel::kind::gre, 0, tunnel::checksum::full}, 47, 28U},
          std::tuple{tunnel{tunnel::kind::gue, 5555, tunnel::checksum::none}, 17, 32U}}) {
        auto const p = in_tunnel(t, v4("198.51.100.9"), v4("198.51.100.20"), inner);
        CHECK(p[9] == protocol);
        CHECK(p.size() == inner.size() + more);
        CHECK(overhead(t) == more);
        CHECK(folded(std::span(p).first(20)) == 0xffff);
        CHECK(tail(p));
    }
    auto const summed =
        in_tunnel({tunnel::kind::gre, 0, tunnel::checksum::full}, v4("198.51.100.9"), v4("198.51.100.20"), inner);
    CHECK(folded(std::span(summed).subspan(20)) == 0xffff);
    auto const gue =
        in_tunnel({tunnel::kind::gue, 5555, tunnel::checksum::none}, v4("198.51.100.9"), v4("198.51.100.20"), inner);
    CHECK(packet(gue.begin() + 22, gue.begin() + 32) == packet{0x15, 0xb3, 0, 52, 0, 0, 0, 4, 0, 0});
}

TEST_CASE("answers are understood") {
    auto reply = arp_request(theirs, v4("198.51.100.9"));
    reply[31] = 20; // who says it, 0.0.0.20
    CHECK_FALSE(read_frame(reply).arp); // a question
    reply[21] = 2;
    CHECK(read_frame(reply).arp == arp_answer{theirs, v4("0.0.0.20")});

    auto const accepted = read_frame(answer(0x12, 99)).tcp;
    REQUIRE(accepted);
    CHECK(accepted->accepted);
    CHECK(accepted->acknowledged == 99);
    CHECK(accepted->ends.source == ends.target);
    CHECK(accepted->ends.target_port == ends.source_port);
    auto const refused = read_frame(answer(0x14, 99)).tcp;
    REQUIRE(refused);
    CHECK_FALSE(refused->accepted);
    CHECK_FALSE(read_frame(answer(0x10, 99)).tcp); // data of somebody's connection
}

TEST_CASE("a frame that is cut off, anywhere, is no answer and no harm") {
    auto arp = arp_request(theirs, v4("198.51.100.9"));
    arp[21] = 2;
    for (auto const& whole : {arp, answer(0x12, 99)}) {
        for (std::size_t n = 0; n < whole.size(); ++n) {
            packet const part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
            auto const heard = read_frame(part);
            CHECK_FALSE(heard.arp);
            CHECK_FALSE(heard.tcp);
        }
    }
}

TEST_CASE("a header that says it is longer than the packet, a fragment and IPv6 are no answers") {
    auto longer = answer(0x12, 99);
    longer[14] = 0x4f;
    CHECK_FALSE(read_frame(longer).tcp);
    auto shorter = answer(0x12, 99);
    shorter[14] = 0x44;
    CHECK_FALSE(read_frame(shorter).tcp);
    auto fragment = answer(0x12, 99);
    fragment[21] = 1;
    CHECK_FALSE(read_frame(fragment).tcp);
    auto v6 = answer(0x12, 99);
    v6[14] = 0x65;
    CHECK_FALSE(read_frame(v6).tcp);
}

TEST_CASE("a MAC address as people write it") { CHECK(to_string(theirs) == "52:54:00:12:ab:ff"); }
