// SPDX-License-Identifier: Apache-2.0
#include "net/status_board.hpp"

#include <catch2/catch.hpp>

using namespace cluster;
using namespace std::chrono_literals;

TEST_CASE("durations go on between the writing and the reading") {
    net::status_board board;
    node_status s;
    s.peer_known = true;
    s.peer_silence = 100ms;
    s.in_state = 1s;
    s.links = {{.name = "data", .silence = 50ms}};
    REQUIRE(board.write(s, net::status_board::clock::now() - 5s));
    auto const read = board.read();
    CHECK(read.in_state >= 6s);
    CHECK(read.peer_silence >= 5100ms);
    CHECK(read.links.at(0).silence >= 5050ms);
    CHECK(read.links.at(0).silence < 1min);
    CHECK(read.links.at(0).name == "data");
}

TEST_CASE("a peer that was never heard isn't silent for any time") {
    net::status_board board;
    REQUIRE(board.write({}, net::status_board::clock::now() - 5s));
    CHECK(board.read().peer_silence == 0ms);
}
