// SPDX-License-Identifier: Apache-2.0
// Servers that see clients' own addresses. Loopback addresses can be borrowed without privileges; those of others, and the way
// back, are tried in integration/drills.
#include "borrowing_service.hpp"

#include <catch2/catch.hpp>

using namespace test;

TEST_CASE("servers of a transparent service see who the client is", "[transparent]") {
    borrowing_service p(GENERATE(balance::mode::tcp, balance::mode::http));
    p.apply();
    for (auto const* from : {"127.0.0.2", "127.0.0.3", "127.0.0.2"})
        CHECK(p.seen_from(from) == from);
    CHECK(p.wanted6 == 0);
    p.service().transparent = false;
    p.apply();
    CHECK(p.seen_from("127.0.0.2") != "127.0.0.2");
}

TEST_CASE("a connection with a borrowed address is used again for that address alone", "[transparent]") {
    borrowing_service p(balance::mode::http);
    p.apply();
    for (int i = 0; i < 3; ++i)
        for (auto const* from : {"127.0.0.2", "127.0.0.3"})
            CHECK(p.seen_from(from) == from);
    CHECK(p.status().servers[0].counters.connections == 6); // requests
    CHECK(p.connections == 2);
}

TEST_CASE("a client of a transparent service waits for a socket", "[transparent]") {
    borrowing_service p(GENERATE(balance::mode::tcp, balance::mode::http));
    p.gives = false;
    p.apply();
    CHECK(p.wanted4 > 0);
    tcp_client c(p.port, "127.0.0.2");
    c.send(borrowing_service::question);
    CHECK(eventually([&] { return p.status().counters.connections == 1; }));
    CHECK(p.connections == 0);
    p.give(1);
    CHECK(borrowing_service::last_line(c.receive(http_answer("127.0.0.2").size())) == "127.0.0.2");
}

TEST_CASE("sockets for transparent services are asked for before they are used up", "[transparent]") {
    borrowing_service p(balance::mode::tcp);
    p.apply();
    auto const first = p.wanted4.load();
    for (std::size_t i = 0; i < first; ++i)
        CHECK(p.seen_from("127.0.0.2") == "127.0.0.2");
    CHECK(p.wanted4 > first);
    CHECK(p.wanted4 < 3 * first);
}

TEST_CASE("a fallback sees the balancer, whoever the client is", "[transparent]") {
    borrowing_service p(balance::mode::tcp);
    p.service().fallback = {balance::fallback::kind::server, {boost::asio::ip::address_v4::loopback(), p.server.port()}};
    p.state("one").health = balance::health::down;
    p.apply();
    CHECK(p.seen_from("127.0.0.2") == "127.0.0.1");
}
