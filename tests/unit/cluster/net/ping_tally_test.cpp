// SPDX-License-Identifier: Apache-2.0
#include "net/ping_tally.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace cluster::net;
using boost::asio::ip::make_address;

TEST_CASE("an echo request is what RFC 792 says") {
    // 0x0800 + 0x1234 + 0x0001 = 0x1a35, whose complement is 0xe5ca.
    CHECK(echo_request(true, 0x1234, 1) == echo_message{8, 0, 0xe5, 0xca, 0x12, 0x34, 0, 1});
    CHECK(echo_request(true, 0xffff, 0xffff) == echo_message{8, 0, 0xf7, 0xff, 0xff, 0xff, 0xff, 0xff});
    CHECK(echo_request(false, 0x1234, 1) == echo_message{128, 0, 0, 0, 0x12, 0x34, 0, 1});
}

TEST_CASE("an echo reply is read behind its IP header, options included") {
    std::vector<std::uint8_t> packet(24);
    packet[0] = 0x46; // a header of six words
    packet.insert(packet.end(), {0, 0, 0, 0, 0x12, 0x34, 0, 7});
    CHECK(read_echo_reply(true, packet) == echo_reply{0x1234, 7});
    CHECK(read_echo_reply(false, std::vector<std::uint8_t>{129, 0, 0, 0, 0x12, 0x34, 0, 7}) == echo_reply{0x1234, 7});
    for (std::size_t size = 0; size < packet.size(); ++size) {
        CHECK_FALSE(read_echo_reply(true, std::span{packet}.first(size)));
    }
    packet[24] = 8;
    CHECK_FALSE(read_echo_reply(true, packet)); // a request
    packet[0] = 0x41;
    CHECK_FALSE(read_echo_reply(true, packet)); // a header shorter than possible
}

TEST_CASE("a node answers as long as one of its last three pings was answered") {
    auto const first = make_address("192.0.2.1");
    auto const second = make_address("2001:db8::1");
    ping_tally tally{{first, second}};
    CHECK(tally.answering() == 0);
    auto round = tally.begin_round();
    tally.receive(first, round);
    tally.receive(make_address("192.0.2.9"), round); // nobody we asked
    CHECK(tally.answering() == 1);
    for (int i = 0; i < 3; ++i) {
        tally.begin_round();
        CHECK(tally.answering() == 1);
    }
    tally.begin_round();
    CHECK(tally.answering() == 0);
    tally.receive(first, round); // an old reply
    CHECK(tally.answering() == 0);
    round = tally.begin_round();
    tally.receive(first, round);
    tally.receive(second, round);
    CHECK(tally.answering() == 2);
}

TEST_CASE("rounds may wrap") {
    auto const node = make_address("192.0.2.1");
    ping_tally tally{{node}};
    for (int i = 0; i < 65'535; ++i) {
        tally.begin_round();
    }
    tally.receive(node, 65'535);
    CHECK(tally.begin_round() == 0);
    CHECK(tally.answering() == 1);
    tally.receive(node, 65'535);
    CHECK(tally.answering() == 1);
}
