// SPDX-License-Identifier: Apache-2.0
#include "doctor/filter.hpp"

#include "doctor/frames.hpp"

#include <catch2/catch.hpp>

#include <sys/socket.h>
#include <unistd.h>

using namespace balance::doctor;

namespace {

/// The kernel runs the program on what is sent through a pair of local sockets as on what a network card receives.
class filtered {
public:
    explicit filtered(std::vector<sock_filter> code) {
        REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends_.data()) == 0);
        sock_fprog const program{static_cast<unsigned short>(code.size()), code.data()};
        REQUIRE(::setsockopt(ends_[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0);
    }
    filtered(filtered const&) = delete;
    filtered& operator=(filtered const&) = delete;
    ~filtered() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }

    [[nodiscard]] bool passes(packet const& frame) const { return !passed(frame).empty(); }
    /// What of it is copied.
    [[nodiscard]] packet passed(packet const& frame) const {
        static_cast<void>(::send(ends_[0], frame.data(), frame.size(), 0));
        packet got(2'000);
        auto const size = ::recv(ends_[1], got.data(), got.size(), 0);
        got.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return got;
    }

private:
    std::array<int, 2> ends_{};
};

/// Recorded with tcpdump: 10.77.0.4 port 80 answers 10.77.0.1 port 61234 (0xef32), SYN and ACK, options of 20 bytes.
packet const syn_ack{0x02, 0x4d, 0, 0, 0, 1, 0x02, 0x4d, 0, 0, 0, 4, 0x08, 0, 0x45, 0, 0, 0x2c, 0, 0, 0x40, 0, 0x40, 0x06,
                     0x26, 0x29, 10, 77, 0, 4, 10, 77, 0, 1, 0, 80, 0xef, 0x32, 0x5a, 0x1b, 0x33, 0x01, 0, 0, 0, 0x0a, 0x60, 0x12,
                     0xfa, 0xf0, 0x14, 0x4d, 0, 0, 0x02, 0x04, 0x05, 0xb4};
packet const arp_said{0x02, 0x4d, 0, 0, 0, 1, 0x02, 0x4d, 0, 0, 0, 4, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 2,
                       0x02, 0x4d, 0, 0, 0, 4, 10, 77, 0, 4, 0x02, 0x4d, 0, 0, 0, 1, 10, 77, 0, 1};

constexpr std::size_t at_fragment = 20;
constexpr std::size_t at_protocol = 23;
constexpr std::size_t at_port = 37;
constexpr std::size_t at_flags = 47;

packet changed(packet p, std::size_t at, std::uint8_t value) {
    p[at] = value;
    return p;
}

} // namespace

TEST_CASE("of TCP, only answers to the port of the questions pass") {
    filtered const f(tcp_replies(61'234));
    CHECK(f.passes(syn_ack));
    CHECK(f.passes(changed(syn_ack, at_flags, 0x14))); // RST and ACK
    CHECK(f.passes(changed(syn_ack, at_flags, 0x04)));
    CHECK_FALSE(f.passes(changed(syn_ack, at_flags, 0x10)));  // data of somebody's connection
    CHECK_FALSE(f.passes(changed(syn_ack, at_flags, 0x02)));  // somebody's SYN
    CHECK_FALSE(f.passes(changed(syn_ack, at_port, 0x33)));   // 61235
    CHECK_FALSE(f.passes(changed(syn_ack, at_protocol, 17))); // UDP
    CHECK_FALSE(f.passes(changed(syn_ack, at_fragment + 1, 1)));
    CHECK_FALSE(f.passes(arp_said));
    CHECK_FALSE(f.passes(packet(syn_ack.begin(), syn_ack.begin() + 40)));
    auto longer = syn_ack; // a header of IP with four bytes of options
    longer[14] = 0x46;
    longer.insert(longer.begin() + 34, 4, std::uint8_t{1});
    CHECK(f.passes(longer));
}

TEST_CASE("of ARP, only replies pass") {
    filtered const f(arp_replies());
    CHECK(f.passes(arp_said));
    CHECK_FALSE(f.passes(changed(arp_said, 21, 1)));
    CHECK_FALSE(f.passes(syn_ack));
}

TEST_CASE("of a long frame, no more is copied than its headers may take") {
    packet longest = syn_ack; // headers of IP and TCP with all the options that fit, and data
    longest[14] = 0x4f;
    longest.insert(longest.begin() + 34, 40, std::uint8_t{1});
    longest.resize(1'514);
    auto const tcp = filtered(tcp_replies(61'234)).passed(longest);
    CHECK(tcp.size() == 128);
    CHECK(read_frame(tcp).tcp);
    packet padded = arp_said;
    padded.resize(1'514);
    auto const arp = filtered(arp_replies()).passed(padded);
    CHECK(arp.size() == 128);
    CHECK(read_frame(arp).arp);
}
