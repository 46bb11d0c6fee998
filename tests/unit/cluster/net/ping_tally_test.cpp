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

namespace {

using namespace std::chrono_literals;
constexpr ping_tally::time_point start{1h};

} // namespace

TEST_CASE("a node answers as long as something was answered that it was asked within the memory") {
    auto const first = make_address("192.0.2.1");
    auto const second = make_address("2001:db8::1");
    ping_tally tally{{first, second}};
    CHECK(tally.answering(start) == 0);
    CHECK_FALSE(tally.receive(first, 0, start)); // nothing was asked
    auto round = tally.begin_round(start);
    CHECK(tally.receive(first, round, start + 5ms) == start);
    CHECK_FALSE(tally.receive(make_address("192.0.2.9"), round, start + 5ms)); // nobody we asked
    CHECK(tally.answering(start + 3500ms) == 1);
    CHECK(tally.answering(start + 3501ms) == 0);
    CHECK_FALSE(tally.receive(first, round, start + 3501ms)); // an old reply
    CHECK(tally.answering(start + 3501ms) == 0);
    round = tally.begin_round(start + 4s);
    CHECK(tally.receive(first, round, start + 4s));
    CHECK(tally.receive(second, round, start + 4s));
    CHECK(tally.answering(start + 4s) == 2);
}

TEST_CASE("an answer counts from when it was asked for, however often others are asked meanwhile") {
    auto const node = make_address("192.0.2.1");
    ping_tally tally{{node}};
    auto const slow = tally.begin_round(start);
    std::uint16_t last = 0;
    for (int i = 1; i <= 100; ++i) {
        last = tally.begin_round(start + i * 20ms);
    }
    CHECK(tally.receive(node, last, start + 2001ms) == start + 2s);
    CHECK(tally.receive(node, slow, start + 2002ms) == start);
    CHECK(tally.answering(start + 5500ms) == 1); // the newer one counts
    for (int i = 0; i < 256; ++i) {
        tally.begin_round(start + 2s);
    }
    CHECK_FALSE(tally.receive(node, last, start + 2010ms)); // its place is another round's now
}

TEST_CASE("rounds may wrap") {
    auto const node = make_address("192.0.2.1");
    ping_tally tally{{node}};
    for (int i = 0; i < 65'535; ++i) {
        tally.begin_round(start);
    }
    CHECK(tally.receive(node, 65'535, start));
    CHECK(tally.begin_round(start + 1s) == 0);
    CHECK(tally.receive(node, 65'535, start + 2s) == start);
    CHECK(tally.receive(node, 0, start + 2s) == start + 1s);
}
