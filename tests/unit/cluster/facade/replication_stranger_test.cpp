// SPDX-License-Identifier: Apache-2.0
// What a peer achieves that holds the key but does not keep to the protocol.
#include "odd_peer.hpp"

#include <catch2/catch.hpp>

using namespace test;
using asio::ip::tcp;

TEST_CASE("a node of a later version hears which versions there are, and so does the operator") {
    replication_pair pair;
    REQUIRE(pair.a.start());
    auto peer = odd_peer::secondary(pair);
    auto hello = peer.hello();
    hello.lowest = wr::highest_version + 1;
    hello.highest = wr::highest_version + 2;
    peer.say(hello);
    auto const answer = peer.hear();
    REQUIRE(answer);
    CHECK(std::get<wr::farewell>(*answer).text.find("odd speaks versions 3 to 4") != std::string::npos);
    CHECK_FALSE(peer.hear());
    CHECK(pair.a.unit->status().last_error.find("update the older node") != std::string::npos);
    CHECK(pair.a.connections.empty());
}

TEST_CASE("a node of a later version that still speaks ours is welcome") {
    replication_pair pair;
    REQUIRE(pair.a.start());
    auto peer = odd_peer::secondary(pair);
    auto hello = peer.hello();
    hello.highest = wr::highest_version + 1;
    peer.say_bytes([&] { // with a field that this version does not know
        auto frame = wr::encode(hello) + "later";
        frame[3] = static_cast<char>(frame[3] + 5);
        return frame;
    }());
    auto const answer = peer.hear();
    REQUIRE(answer);
    CHECK(std::get<wr::hello>(*answer).name == "lb1");
    CHECK(pair.a.connected());
    CHECK(pair.a.unit->status().peer_name == "odd");
    CHECK(pair.a.unit->status().protocol == wr::highest_version);
}

TEST_CASE("with a node of an earlier version its version is spoken") {
    replication_pair pair;
    REQUIRE(pair.a.start());
    auto peer = odd_peer::secondary(pair);
    auto hello = peer.hello();
    hello.highest = wr::lowest_version;
    peer.say(hello);
    REQUIRE(peer.hear());
    CHECK(pair.a.connected());
    CHECK(pair.a.unit->status().protocol == wr::lowest_version);
}

TEST_CASE("nothing is heard before the hello, and no second hello after it") {
    replication_pair pair;
    REQUIRE(pair.a.start());
    auto hasty = odd_peer::secondary(pair);
    hasty.say(wr::prepare{make_generation(1), hash_of(make_generation(1))});
    auto const answer = hasty.hear();
    REQUIRE(answer);
    CHECK(std::holds_alternative<wr::farewell>(*answer));
    CHECK(pair.a.prepared.empty());

    auto long_winded = odd_peer::secondary(pair);
    long_winded.say_bytes(std::string("\0\0\x04\x01", 4)); // a first message of 1025 bytes
    CHECK_FALSE(long_winded.hear());

    auto twice = odd_peer::secondary(pair);
    twice.say(twice.hello());
    REQUIRE(twice.hear());
    twice.say(twice.hello());
    CHECK_FALSE(twice.hear());
    CHECK(pair.a.connections == std::vector<bool>{true, false});
}

TEST_CASE("messages that make no sense end the connection and change nothing") {
    auto const bad = GENERATE(std::string("\0\0\0\1\x0c", 5),                                   // no such number
                              std::string("\0\0\0\0", 4),                                       // no number at all
                              std::string("\xff\xff\xff\xff", 4),                               // 4 GiB
                              std::string("\0\0\0\2\2x", 6),                                    // a sign of life with something in it
                              std::string("\0\0\0\5\4", 5) + "1234");                           // half an identity
    replication_pair pair;
    REQUIRE(pair.a.start());
    auto peer = odd_peer::secondary(pair);
    peer.say(peer.hello());
    REQUIRE(peer.hear());
    peer.say_bytes(bad);
    CHECK_FALSE(peer.hear());
    CHECK(pair.a.connections == std::vector<bool>{true, false});
    CHECK_FALSE(pair.a.store->current());
}

TEST_CASE("a generation that does not match its hash, or would leave the directory, is refused") {
    replication_pair pair;
    REQUIRE(pair.a.start());
    auto peer = odd_peer::secondary(pair);
    peer.say(peer.hello());
    REQUIRE(peer.hear());
    auto escape = make_generation(1);
    escape.files = {{"../../escaped", "x"}};
    for (auto const& m : {wr::prepare{make_generation(1), hash_of(make_generation(2))}, wr::prepare{escape, hash_of(escape)}}) {
        peer.say(m);
        auto const answer = peer.hear();
        REQUIRE(answer);
        CHECK(std::holds_alternative<wr::refused>(*answer));
        peer.say(wr::commit{{m.content.version, m.hash}});
        REQUIRE(peer.hear());
    }
    CHECK(pair.a.prepared.empty()); // not even asked
    CHECK_FALSE(pair.a.store->current());
    CHECK(pair.a.connected());
}

TEST_CASE("a stranger who spells out a handshake byte by byte is shown out in time") {
    replication_pair pair;
    pair.a.settings.dead = milliseconds{300};
    REQUIRE(pair.a.start());
    auto slow = dial(pair, "127.0.0.2", "127.0.0.1");
    boost::system::error_code code;
    asio::write(slow, asio::buffer(std::string("\x16\x03\x01\x3f\x00\x01\x00\x3e\xfc", 9)), code);
    auto const begin = std::chrono::steady_clock::now();
    REQUIRE(pair.until([&] {
        slow.write_some(asio::buffer("x", 1), code);
        return code.failed();
    }));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{5});
}

TEST_CASE("a peer that never answers stops an apply in its first phase") {
    replication_pair pair;
    pair.a.settings.timeout = milliseconds{100};
    REQUIRE(pair.a.start());
    auto peer = odd_peer::secondary(pair);
    peer.say(peer.hello());
    REQUIRE(peer.hear());
    pair.a.apply(make_generation(1));
    REQUIRE(pair.until([&] { return !pair.a.answers.empty(); }));
    CHECK(pair.a.answers[0].error().code == balance::errc::timed_out);
    CHECK_FALSE(pair.a.store->current());
    CHECK_FALSE(pair.a.connected()); // anew, then
}

TEST_CASE("an apply that is stopped in its second phase stands") {
    replication_pair pair;
    REQUIRE(pair.a.start());
    auto peer = odd_peer::secondary(pair);
    peer.say(peer.hello());
    REQUIRE(peer.hear());
    auto const g = make_generation(1);
    pair.a.apply(g);
    REQUIRE(std::holds_alternative<wr::prepare>(peer.hear().value()));
    peer.say(wr::prepared{{g.version, hash_of(g)}});
    REQUIRE(std::holds_alternative<wr::commit>(peer.hear().value()));
    CHECK(pair.a.answers.empty());
    pair.a.unit->stop();
    REQUIRE(pair.a.answers.size() == 1);
    REQUIRE(pair.a.answers[0].has_value());
    CHECK_FALSE(pair.a.answers[0]->peer_committed);
    CHECK(pair.a.store->current() == g);
}
