// SPDX-License-Identifier: Apache-2.0
#include "net/tls_engine.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace cluster;
using net::tls_context;
using net::tls_engine;

namespace {

key key_of(std::uint8_t fill) {
    std::array<std::uint8_t, key::size> bytes{};
    bytes.fill(fill);
    return key(bytes);
}

std::unique_ptr<tls_context> context(std::uint8_t fill, std::string const& identity) {
    return tls_context::make({key_of(fill)}, identity).value();
}

/// Moves what one has to say to the other; the error of the other, if it takes offence.
result<> pass(tls_engine& from, tls_engine& to) {
    std::string bytes;
    from.take_output(bytes);
    return to.feed(bytes);
}

struct handshake {
    result<> at_server{};
    result<> at_client{};
};

handshake shake(tls_engine& client, tls_engine& server) {
    handshake h;
    for (int i = 0; i < 4 && h.at_server && h.at_client; ++i) {
        h.at_server = pass(client, server);
        h.at_client = pass(server, client);
    }
    return h;
}

} // namespace

TEST_CASE("two nodes with the same key talk, both ways") {
    auto const a = context(1, "secondary 1");
    auto const b = context(1, "primary 2");
    tls_engine client(*a, tls_engine::role::client);
    tls_engine server(*b, tls_engine::role::server);
    CHECK_FALSE(client.established());
    auto const h = shake(client, server);
    REQUIRE(h.at_client);
    REQUIRE(h.at_server);
    REQUIRE(client.established());
    REQUIRE(server.established());

    std::string const long_text(100000, 'x');
    REQUIRE(client.write(long_text));
    REQUIRE(pass(client, server));
    std::string got;
    CHECK_FALSE(server.read(got).value());
    CHECK(got == long_text);

    REQUIRE(server.write("answer"));
    server.finish();
    REQUIRE(pass(server, client));
    got.clear();
    CHECK(client.read(got).value()); // ended in order
    CHECK(got == "answer");
}

TEST_CASE("a node with another key is refused, and both say that it is the key") {
    auto const a = context(1, "secondary 1");
    auto const b = context(2, "primary 2");
    tls_engine client(*a, tls_engine::role::client);
    tls_engine server(*b, tls_engine::role::server);
    auto const h = shake(client, server);
    CHECK_FALSE(client.established());
    CHECK_FALSE(server.established());
    REQUIRE_FALSE(h.at_server);
    REQUIRE_FALSE(h.at_client);
    CHECK(h.at_server.error().code == balance::errc::not_permitted);
    CHECK(h.at_client.error().code == balance::errc::not_permitted);
    CHECK(h.at_server.error().detail.find("cluster.key") != std::string::npos);
    CHECK(h.at_client.error().detail.find("cluster.key") != std::string::npos);
}

TEST_CASE("while a key is replaced, a node is let in with either, and offers the one it sends with") {
    auto const a = context(1, "secondary 1");
    auto const b = context(1, "primary 2");
    b->set_keys({key_of(1), key_of(2)});
    auto const talk = [&] {
        tls_engine client(*a, tls_engine::role::client);
        tls_engine server(*b, tls_engine::role::server);
        auto const h = shake(client, server);
        return h.at_client && h.at_server && client.key_fingerprint() == server.key_fingerprint()
                   ? server.key_fingerprint()
                   : 0;
    };
    CHECK(talk() == key_of(1).fingerprint());
    a->set_keys({key_of(2), key_of(1)});
    CHECK(talk() == key_of(2).fingerprint());
    b->set_keys({key_of(2)});
    CHECK(talk() == key_of(2).fingerprint());
    a->set_keys({key_of(1)});
    CHECK(talk() == 0);
}

TEST_CASE("a peer of a release that names no key is met with the key that this node sends with") {
    auto earlier = net::replication_purpose;
    earlier.names_secret = false;
    auto const a = tls_context::make({key_of(1)}, "secondary 1", earlier).value();
    auto const b = context(1, "primary 2");
    b->set_keys({key_of(1), key_of(2)});
    for (auto const* first : {a.get(), b.get()}) {
        tls_engine client(first == a.get() ? *a : *b, tls_engine::role::client);
        tls_engine server(first == a.get() ? *b : *a, tls_engine::role::server);
        auto const h = shake(client, server);
        CHECK(h.at_client);
        CHECK(h.at_server);
        CHECK(server.established());
    }
}

TEST_CASE("a node does not talk with its own reflection") {
    auto const own = context(1, "primary 1");
    tls_engine client(*own, tls_engine::role::client);
    tls_engine server(*own, tls_engine::role::server);
    shake(client, server);
    CHECK_FALSE(client.established());
    CHECK_FALSE(server.established());
}

TEST_CASE("what is no TLS is refused at once") {
    auto const own = context(1, "primary 1");
    tls_engine server(*own, tls_engine::role::server);
    auto const refused = server.feed("GET / HTTP/1.1\r\nHost: lb1\r\n\r\n");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == balance::errc::protocol_error);
}

TEST_CASE("a byte that was changed on the way ends the connection") {
    auto const a = context(1, "secondary 1");
    auto const b = context(1, "primary 2");
    tls_engine client(*a, tls_engine::role::client);
    tls_engine server(*b, tls_engine::role::server);
    shake(client, server);
    REQUIRE(client.write("text"));
    std::string bytes;
    client.take_output(bytes);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    REQUIRE(server.feed(bytes));
    std::string got;
    CHECK_FALSE(server.read(got));
    CHECK(got.empty());
}

TEST_CASE("what was said cannot be said again") {
    auto const a = context(1, "secondary 1");
    auto const b = context(1, "primary 2");
    tls_engine client(*a, tls_engine::role::client);
    tls_engine server(*b, tls_engine::role::server);
    shake(client, server);
    REQUIRE(client.write("text"));
    std::string bytes;
    client.take_output(bytes);
    REQUIRE(server.feed(bytes));
    std::string got;
    REQUIRE(server.read(got));
    REQUIRE(server.feed(bytes));
    CHECK_FALSE(server.read(got));
    CHECK(got == "text");
}

TEST_CASE("a connection that lives long changes its keys") {
    auto const a = context(1, "secondary 1");
    auto const b = context(1, "primary 2");
    tls_engine client(*a, tls_engine::role::client);
    tls_engine server(*b, tls_engine::role::server);
    shake(client, server);
    std::string got;
    bool written = true;
    for (std::uint32_t i = 0; i < tls_engine::writes_per_key; ++i)
        written = written && client.write("x").has_value();
    CHECK(written);
    CHECK(client.key_updates() == 1);
    REQUIRE(pass(client, server));
    REQUIRE(server.read(got));
    REQUIRE(server.write("y"));
    REQUIRE(pass(server, client)); // with the server's own update, which was asked for
    std::string back;
    REQUIRE(client.read(back));
    REQUIRE(client.write("z"));
    REQUIRE(pass(client, server));
    REQUIRE(server.read(got));
    CHECK(got.size() == tls_engine::writes_per_key + 1);
    CHECK(back == "y");
}
