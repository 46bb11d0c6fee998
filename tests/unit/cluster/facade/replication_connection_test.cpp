// SPDX-License-Identifier: Apache-2.0
// Who may connect, what strangers achieve, and how a connection comes back.
#include "odd_peer.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

using namespace test;
using asio::ip::tcp;

namespace {

/// Has the other side closed it?
bool is_closed(tcp::socket& s) {
    std::array<char, 4096> bytes;
    for (;;) {
        boost::system::error_code code;
        auto const n = s.read_some(asio::buffer(bytes), code);
        if (code == asio::error::would_block)
            return false;
        if (code || n == 0)
            return true;
    }
}

} // namespace

TEST_CASE("a node with another key does not get in, and both say why") {
    replication_pair pair;
    pair.b.settings.key = key_of(2);
    REQUIRE(pair.a.start());
    REQUIRE(pair.b.start());
    auto const says = [](replication_node const& n) { return n.unit->status().last_error; };
    REQUIRE(pair.until([&] {
        return says(pair.a).find("cluster.key") != std::string::npos && says(pair.b).find("cluster.key") != std::string::npos;
    }));
    CHECK(says(pair.a).find("127.0.0.2") != std::string::npos);
    pair.during(milliseconds{300}); // it tries again and again
    CHECK(pair.a.connections.empty());
    CHECK(pair.b.connections.empty());
}

TEST_CASE("two primaries meet, and both say what is wrong") {
    replication_pair pair;
    pair.b.settings.self = node_id::primary;
    REQUIRE(pair.a.start());
    REQUIRE(pair.b.start());
    auto const complains = [](replication_node const& n) {
        return n.unit->status().last_error.find("both have the role primary") != std::string::npos;
    };
    REQUIRE(pair.until([&] { return complains(pair.a) && complains(pair.b); }));
    CHECK_FALSE(pair.a.connected());
    CHECK(pair.a.connections.empty());
}

TEST_CASE("two secondaries meet, and both say what is wrong") {
    replication_pair pair;
    pair.a.settings.self = node_id::secondary;
    REQUIRE(pair.a.start());
    REQUIRE(pair.b.start());
    auto const complains = [](replication_node const& n) {
        return n.unit->status().last_error.find("both have the role secondary") != std::string::npos;
    };
    REQUIRE(pair.until([&] { return complains(pair.a) && complains(pair.b); }));
    CHECK(pair.b.connections.empty());
}

TEST_CASE("strangers at the port achieve nothing") {
    replication_pair pair;
    REQUIRE(pair.connect());
    std::mt19937 random(7);
    std::vector<std::string> openings{"GET / HTTP/1.1\r\n\r\n", std::string(1, '\x16'), std::string("\x16\x03\x01\xff\xff", 5), ""};
    for (int i = 0; i < 200; ++i) {
        std::string garbage(random() % 300 + 5, '\0');
        for (auto& c : garbage)
            c = static_cast<char>(random());
        openings.push_back(garbage);
    }
    for (auto const& opening : openings) {
        auto s = dial(pair, "127.0.0.2", "127.0.0.1");
        boost::system::error_code ignored;
        asio::write(s, asio::buffer(opening), ignored);
        s.shutdown(tcp::socket::shutdown_send, ignored);
        REQUIRE(pair.until([&] { return is_closed(s); }));
    }
    CHECK(pair.a.connections == std::vector<bool>{true});
    pair.a.apply(make_generation(1));
    REQUIRE(pair.until([&] { return !pair.b.committed.empty(); }));
}

TEST_CASE("strangers who say nothing are few at a time") {
    replication_pair pair;
    REQUIRE(pair.connect());
    std::vector<tcp::socket> mute;
    for (int i = 0; i < 30; ++i)
        mute.push_back(dial(pair, "127.0.0.2", "127.0.0.1"));
    auto const closed = [&] { return std::count_if(mute.begin(), mute.end(), is_closed); };
    REQUIRE(pair.until([&] { return closed() >= 22; }));
    pair.during(milliseconds{50});
    CHECK(closed() == 22);
    CHECK(pair.a.connections == std::vector<bool>{true});
}

TEST_CASE("strangers who say nothing are shown out") {
    replication_pair pair;
    pair.a.settings.dead = milliseconds{300};
    REQUIRE(pair.a.start());
    auto mute = dial(pair, "127.0.0.2", "127.0.0.1");
    REQUIRE(pair.until([&] { return is_closed(mute); }));
    CHECK(pair.a.unit->status().last_error.find("no greeting within 300 ms") != std::string::npos);
}

TEST_CASE("who is not at the peer's address is not even listened to") {
    replication_pair pair;
    REQUIRE(pair.a.start());
    auto s = dial(pair, "127.0.0.3", "127.0.0.1");
    REQUIRE(pair.until([&] { return is_closed(s); }));
    CHECK(pair.a.unit->status().last_error.find("127.0.0.3") == std::string::npos);
}

TEST_CASE("a message above the limit ends the connection, which comes back") {
    replication_pair pair;
    pair.a.settings.max_message = 8192;
    REQUIRE(pair.connect());
    REQUIRE(pair.b.unit->send("bulk", std::string(100000, 'x')));
    std::vector<bool> const again{true, false, true};
    REQUIRE(pair.until([&] { return pair.a.connections == again && pair.b.connections == again; }));
    CHECK(pair.a.streams.empty());
}

TEST_CASE("a connection that is lost comes back, from either side") {
    replication_pair pair;
    REQUIRE(pair.connect());
    auto& gone = GENERATE(0, 1) == 0 ? pair.a : pair.b;
    auto& other = &gone == &pair.a ? pair.b : pair.a;
    gone.unit->stop();
    REQUIRE(pair.until([&] { return !other.connected(); }));
    CHECK_FALSE(other.unit->status().last_error.empty());
    CHECK_FALSE(other.unit->status().in_sync);
    pair.during(milliseconds{400});
    auto const begin = std::chrono::steady_clock::now();
    REQUIRE(gone.start());
    REQUIRE(pair.until([&] { return gone.connected() && other.connected(); }));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::milliseconds{5000});
    CHECK(other.connections == std::vector<bool>{true, false, true});
    CHECK(gone.connections == std::vector<bool>{true, true}); // it knows itself that it stopped
}

TEST_CASE("a peer that stops in its tracks is noticed, and is back when it goes on") {
    replication_pair pair;
    asio::io_context other_io{1};
    replication_node other(other_io, node_id::secondary, pair.port);
    pair.a.settings.dead = milliseconds{300};
    auto const run_both = [&](auto const& done) {
        return pair.until([&] {
            other_io.restart();
            other_io.poll();
            return done();
        });
    };
    REQUIRE(pair.a.start());
    REQUIRE(other.start());
    REQUIRE(run_both([&] { return pair.a.connected() && other.connected(); }));

    auto const begin = std::chrono::steady_clock::now();
    REQUIRE(pair.until([&] { return !pair.a.connected(); })); // the other's loop stands still
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::milliseconds{5000});
    CHECK(pair.a.unit->status().last_error.find("nothing was heard for 300 ms") != std::string::npos);
    CHECK(other.connected()); // as far as it knows

    REQUIRE(run_both([&] { return pair.a.connected() && other.connected(); }));
    CHECK(pair.a.connections == std::vector<bool>{true, false, true});
}

TEST_CASE("a connection that nobody uses stays") {
    replication_pair pair;
    pair.a.settings.dead = pair.b.settings.dead = milliseconds{300};
    REQUIRE(pair.connect());
    pair.during(milliseconds{700}); // more than twice what counts as dead here
    CHECK(pair.a.connections == std::vector<bool>{true});
    CHECK(pair.b.connections == std::vector<bool>{true});
}

TEST_CASE("a primary whom the secondary cannot reach connects itself") {
    replication_pair pair;
    auto const at = [](char const* text) { return asio::ip::make_address(text); };
    // The secondary listens where the primary looks for it, but calls from an address that the primary does not know.
    pair.b.settings.paths = {{at("127.0.0.5"), at("127.0.0.1"), "lo"}, {at("127.0.0.2"), at("127.0.0.9"), "lo"}};
    REQUIRE(pair.connect());
    CHECK(pair.a.unit->status().peer_address == "127.0.0.2:" + std::to_string(pair.port));
    pair.during(milliseconds{700});
    CHECK(pair.a.connections == std::vector<bool>{true});
    CHECK(pair.b.connections == std::vector<bool>{true});
}

TEST_CASE("when both connect at once one connection stays") {
    for (int lead = 0; lead < 10; lead += 2) {
        INFO("the primary has a lead of " << lead << " ms");
        replication_pair pair;
        pair.a.settings.alive = pair.b.settings.alive = milliseconds{20}; // the primary loses patience after 100 ms
        REQUIRE(pair.a.start());
        pair.during(milliseconds{95 + lead});
        REQUIRE(pair.b.start());
        REQUIRE(pair.until([&] { return pair.a.connected() && pair.b.connected(); }));
        pair.during(milliseconds{100});
        CHECK(pair.a.connected());
        CHECK(pair.b.connected());
        auto const settled = std::pair{pair.a.connections.size(), pair.b.connections.size()};
        pair.during(milliseconds{100});
        CHECK(settled == std::pair{pair.a.connections.size(), pair.b.connections.size()});
        CHECK(settled.first <= 3); // at worst the primary's own was given up for the other
    }
}

TEST_CASE("a primary gives the secondary time to come before it connects itself") {
    replication_pair pair;
    pair.a.settings.alive = milliseconds{40}; // patience: 200 ms
    tcp::acceptor there(pair.io, {asio::ip::make_address("127.0.0.2"), pair.port});
    there.non_blocking(true);
    auto const begin = std::chrono::steady_clock::now();
    REQUIRE(pair.a.start());
    tcp::socket caller(pair.io);
    REQUIRE(pair.until([&] {
        boost::system::error_code code;
        there.accept(caller, code);
        return !code;
    }));
    CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds{200});
}

TEST_CASE("a primary that lost the secondary's connection connects itself after a while") {
    replication_pair pair;
    pair.a.settings.alive = milliseconds{40}; // patience: 200 ms
    REQUIRE(pair.a.start());
    {
        auto peer = odd_peer::secondary(pair);
        peer.say(peer.hello());
        REQUIRE(peer.hear());
        pair.during(milliseconds{300}); // it has stopped looking for a peer
        REQUIRE(pair.a.connected());
    }
    REQUIRE(pair.until([&] { return !pair.a.connected(); }));
    tcp::acceptor there(pair.io, {asio::ip::make_address("127.0.0.2"), pair.port});
    there.non_blocking(true);
    tcp::socket caller(pair.io);
    CHECK(pair.until([&] {
        boost::system::error_code code;
        there.accept(caller, code);
        return !code;
    }));
}

TEST_CASE("a newer connection of the secondary replaces one that may be dead") {
    replication_pair pair;
    REQUIRE(pair.a.start());
    auto first = odd_peer::secondary(pair);
    first.say(first.hello());
    REQUIRE(first.hear());
    auto second = odd_peer::secondary(pair);
    second.say(second.hello());
    REQUIRE(second.hear());
    CHECK_FALSE(first.hear());
    CHECK_FALSE(second.is_closed());
    CHECK(pair.a.connections == std::vector<bool>{true, false, true});
}

TEST_CASE("a connection that the primary opened replaces only one of its own") {
    replication_pair pair;
    SECTION("the secondary's own stays") {
        REQUIRE(pair.connect());
        auto newer = odd_peer::primary(pair);
        newer.say(newer.hello());
        CHECK_FALSE(newer.hear());
        CHECK(pair.b.connections == std::vector<bool>{true});
    }
    SECTION("an older one of the primary goes") {
        REQUIRE(pair.b.start());
        auto older = odd_peer::primary(pair);
        older.say(older.hello());
        REQUIRE(older.hear());
        auto newer = odd_peer::primary(pair);
        newer.say(newer.hello());
        REQUIRE(newer.hear());
        CHECK_FALSE(older.hear());
        CHECK(pair.b.connections == std::vector<bool>{true, false, true});
    }
}

TEST_CASE("while the secondary's hello is on its way it answers no other") {
    replication_pair pair;
    tcp::acceptor here(pair.io, {asio::ip::make_address("127.0.0.1"), pair.port});
    here.non_blocking(true);
    REQUIRE(pair.b.start());
    tcp::socket caller(pair.io);
    REQUIRE(pair.until([&] {
        boost::system::error_code code;
        here.accept(caller, code);
        return !code;
    }));
    odd_peer called(pair, node_id::primary, std::move(caller), net::tls_engine::role::server);
    REQUIRE(called.hear()); // its hello; it waits for ours

    auto calling = odd_peer::primary(pair);
    calling.say(calling.hello());
    CHECK_FALSE(calling.hear());
    called.say(called.hello());
    REQUIRE(pair.until([&] { return pair.b.connected(); }));
    CHECK(pair.b.connections == std::vector<bool>{true});
}

TEST_CASE("of two paths that both work one is used") {
    replication_pair pair;
    auto const at = [](char const* text) { return asio::ip::make_address(text); };
    pair.a.settings.paths = {{at("127.0.0.1"), at("127.0.0.2"), "lo"}, {at("127.0.0.3"), at("127.0.0.4"), "lo"}};
    pair.b.settings.paths = {{at("127.0.0.2"), at("127.0.0.1"), "lo"}, {at("127.0.0.4"), at("127.0.0.3"), "lo"}};
    REQUIRE(pair.connect());
    pair.during(milliseconds{400});
    CHECK(pair.a.connections == std::vector<bool>{true});
    CHECK(pair.b.connections == std::vector<bool>{true});
}

TEST_CASE("a port that is taken is said at the start") {
    replication_pair pair;
    asio::ip::tcp::acceptor taken(pair.io, {asio::ip::make_address("127.0.0.1"), pair.port});
    auto const r = pair.a.start();
    REQUIRE_FALSE(r);
    CHECK(r.error().code == balance::errc::already_exists);
    CHECK(r.error().detail.find("127.0.0.1:" + std::to_string(pair.port)) != std::string::npos);
    taken.close();
    CHECK(pair.a.start());
}

TEST_CASE("a replicator without a peer to talk to is not started") {
    replication_pair pair;
    pair.a.settings.paths.clear();
    CHECK(pair.a.start().error().code == balance::errc::invalid_configuration);
    pair.b.settings.self = node_id::none;
    CHECK(pair.b.start().error().code == balance::errc::invalid_configuration);
}

TEST_CASE("the first of several paths that works is used, and another when it fails") {
    replication_pair pair;
    auto const one = asio::ip::make_address("127.0.0.1");
    auto const two = asio::ip::make_address("127.0.0.2");
    auto const three = asio::ip::make_address("127.0.0.3");
    auto const four = asio::ip::make_address("127.0.0.4");
    pair.a.settings.paths = {{one, two, "lo"}, {three, four, "lo"}};
    pair.b.settings.paths = {{two, asio::ip::make_address("127.0.0.9"), "lo"}, {four, three, "lo"}};
    REQUIRE(pair.connect());
    CHECK(pair.b.unit->status().peer_address == "127.0.0.3:" + std::to_string(pair.port));
    pair.during(milliseconds{500});
    CHECK(pair.b.connections == std::vector<bool>{true}); // the other path does not disturb it
}
