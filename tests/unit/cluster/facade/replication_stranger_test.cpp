// SPDX-License-Identifier: Apache-2.0
// What a peer achieves that holds the key but does not keep to the protocol.
#include "net/tls_engine.hpp"
#include "replication_pair.hpp"
#include "wire/replication_codec.hpp"

#include <catch2/catch.hpp>

#include <boost/asio/write.hpp>

#include <array>
#include <optional>

using namespace test;
using asio::ip::tcp;
namespace wr = wire::replication;

namespace {

/// A client at the secondary's address that says whatever the test wants.
class odd_peer {
public:
    explicit odd_peer(replication_pair& pair)
        : pair_(pair), context_(std::move(net::tls_context::make(key_of(1), "secondary odd").value())),
          tls_(*context_, net::tls_engine::role::client), socket_(pair.io) {
        socket_.open(tcp::v4());
        socket_.bind({asio::ip::make_address("127.0.0.2"), 0});
        socket_.connect({asio::ip::make_address("127.0.0.1"), pair.port});
        socket_.non_blocking(true);
        flush();
        REQUIRE(pair_.until([&] {
            receive();
            return tls_.established();
        }));
    }
    void say(wr::message const& m) { say_bytes(wr::encode(m)); }
    void say_bytes(std::string const& bytes) {
        REQUIRE(tls_.write(bytes));
        flush();
    }
    /// The next message, nothing when the connection was closed instead.
    std::optional<wr::message> hear() {
        std::optional<wr::message> got;
        REQUIRE(pair_.until([&] {
            receive();
            auto const content = frames_.next();
            if (!content->empty())
                got = wr::decode(*content).value();
            return got || closed_;
        }));
        return got;
    }
    [[nodiscard]] bool is_closed() {
        receive();
        return closed_;
    }
    static wr::hello hello() { return {1, 1, node_id::secondary, 99, "odd", {}}; }

private:
    void flush() {
        std::string bytes;
        tls_.take_output(bytes);
        asio::write(socket_, asio::buffer(bytes));
    }
    void receive() {
        std::array<char, 65536> bytes;
        boost::system::error_code code;
        while (!closed_) {
            auto const n = socket_.read_some(asio::buffer(bytes), code);
            if (code == asio::error::would_block)
                return;
            closed_ = code.failed();
            std::string plain;
            REQUIRE(tls_.feed({bytes.data(), n}));
            REQUIRE(tls_.read(plain));
            frames_.feed(plain);
            if (!closed_)
                flush();
        }
    }

    replication_pair& pair_;
    std::unique_ptr<net::tls_context> context_;
    net::tls_engine tls_;
    tcp::socket socket_;
    wr::frame_reader frames_{1u << 20};
    bool closed_ = false;
};

} // namespace

TEST_CASE("a node of a later version hears which versions there are, and so does the operator") {
    replication_pair pair;
    REQUIRE(pair.a.start());
    odd_peer peer(pair);
    auto hello = odd_peer::hello();
    hello.lowest = 2;
    hello.highest = 3;
    peer.say(hello);
    auto const answer = peer.hear();
    REQUIRE(answer);
    CHECK(std::get<wr::farewell>(*answer).text.find("odd speaks versions 2 to 3") != std::string::npos);
    CHECK_FALSE(peer.hear());
    CHECK(pair.a.unit->status().last_error.find("update the older node") != std::string::npos);
    CHECK(pair.a.connections.empty());
}

TEST_CASE("a node of a later version that still speaks ours is welcome") {
    replication_pair pair;
    REQUIRE(pair.a.start());
    odd_peer peer(pair);
    auto hello = odd_peer::hello();
    hello.highest = 3;
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
}

TEST_CASE("nothing is heard before the hello, and no second hello after it") {
    replication_pair pair;
    REQUIRE(pair.a.start());
    odd_peer hasty(pair);
    hasty.say(wr::prepare{make_generation(1), hash_of(make_generation(1))});
    auto const answer = hasty.hear();
    REQUIRE(answer);
    CHECK(std::holds_alternative<wr::farewell>(*answer));
    CHECK(pair.a.prepared.empty());

    odd_peer long_winded(pair);
    long_winded.say_bytes(std::string("\0\0\x04\x01", 4)); // a first message of 1025 bytes
    CHECK_FALSE(long_winded.hear());

    odd_peer twice(pair);
    twice.say(odd_peer::hello());
    REQUIRE(twice.hear());
    twice.say(odd_peer::hello());
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
    odd_peer peer(pair);
    peer.say(odd_peer::hello());
    REQUIRE(peer.hear());
    peer.say_bytes(bad);
    CHECK_FALSE(peer.hear());
    CHECK(pair.a.connections == std::vector<bool>{true, false});
    CHECK_FALSE(pair.a.store->current());
}

TEST_CASE("a generation that does not match its hash, or would leave the directory, is refused") {
    replication_pair pair;
    REQUIRE(pair.a.start());
    odd_peer peer(pair);
    peer.say(odd_peer::hello());
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
    REQUIRE(pair.a.start());
    tcp::socket slow(pair.io);
    slow.open(tcp::v4());
    slow.bind({asio::ip::make_address("127.0.0.2"), 0});
    slow.connect({asio::ip::make_address("127.0.0.1"), pair.port});
    boost::system::error_code code;
    asio::write(slow, asio::buffer(std::string("\x16\x03\x01\x3f\x00\x01\x00\x3e\xfc", 9)), code);
    auto const begin = std::chrono::steady_clock::now();
    REQUIRE(pair.until([&] {
        slow.write_some(asio::buffer("x", 1), code);
        return code.failed();
    }));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{2});
}
