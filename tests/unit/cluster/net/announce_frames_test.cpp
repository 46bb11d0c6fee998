// SPDX-License-Identifier: Apache-2.0
#include "net/announce_frames.hpp"
#include "support/golden_hex.hpp"

#include <catch2/catch.hpp>

using namespace cluster::net;
using boost::asio::ip::make_address_v4;
using boost::asio::ip::make_address_v6;

namespace {

constexpr mac_address mac{0x02, 0, 0, 0, 0x0a, 0x01};

template <class Frame>
test::bytes plain(Frame const& f) {
    return {f.begin(), f.end()};
}

} // namespace

TEST_CASE("gratuitous ARP frames are those of arping") {
    auto const golden = test::read_golden("announce/frames.hex");
    auto const address = make_address_v4("192.0.2.100");
    CHECK(plain(gratuitous_arp(arp_operation::request, mac, address)) == golden.at("arping -U"));
    CHECK(plain(gratuitous_arp(arp_operation::reply, mac, address)) == golden.at("arping -A"));
}

TEST_CASE("a probe is that of scapy, and Linux's answer to it is understood, nothing else") {
    auto const golden = test::read_golden("announce/frames.hex");
    CHECK(plain(arp_probe(mac, make_address_v4("192.0.2.100"))) == golden.at("scapy probe"));
    auto answer = golden.at("Linux answer");
    CHECK(read_arp_answer(answer) == arp_answer{mac, make_address_v4("192.0.2.100")});
    CHECK_FALSE(read_arp_answer(golden.at("scapy probe")));
    CHECK_FALSE(read_arp_answer(golden.at("arping -A"))); // a claim, no answer
    for (std::size_t size = 0; size < 42; ++size) {
        CHECK_FALSE(read_arp_answer(std::span{answer}.first(size)));
    }
    answer[41] = 1; // to an address
    CHECK_FALSE(read_arp_answer(answer));
}

TEST_CASE("unsolicited neighbour advertisements are those of scapy, checksum included") {
    auto const golden = test::read_golden("announce/frames.hex");
    auto const address = make_address_v6("2001:db8::100");
    CHECK(plain(unsolicited_advertisement(mac, address, true)) == golden.at("scapy router"));
    CHECK(plain(unsolicited_advertisement(mac, address, false)) == golden.at("scapy host"));
}
