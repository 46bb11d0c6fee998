// SPDX-License-Identifier: Apache-2.0
#include "net/udp_link.hpp"

#include <catch2/catch.hpp>

#include <poll.h>

using namespace cluster;
using net::udp_link;

namespace {

address at(char const* text) { return boost::asio::ip::make_address(text); }

link_settings path(char const* local, char const* peer, std::uint16_t port) {
    return {"data", "", at(local), at(peer), port};
}

/// A port that is free on both loopback addresses.
std::pair<udp_link, std::uint16_t> open_somewhere(char const* local, char const* peer) {
    for (std::uint16_t port = 20'000; port < 60'000; ++port) {
        if (auto opened = udp_link::open(path(local, peer, port))) {
            return {std::move(*opened), port};
        }
    }
    throw std::runtime_error("no free port");
}

std::vector<udp_link::datagram> wait_for_some(udp_link& link) {
    pollfd p{link.descriptor(), POLLIN, 0};
    REQUIRE(::poll(&p, 1, 10'000) == 1);
    auto const got = link.receive();
    return {got.begin(), got.end()};
}

} // namespace

TEST_CASE("a datagram of the peer arrives, and one of somebody else is marked") {
    auto [here, port] = open_somewhere("127.0.0.1", "127.0.0.2");
    auto peer = udp_link::open(path("127.0.0.2", "127.0.0.1", port));
    auto stranger = udp_link::open(path("127.0.0.3", "127.0.0.1", port));
    REQUIRE(peer.has_value());
    REQUIRE(stranger.has_value());
    CHECK(here.receive().empty());
    std::vector<std::uint8_t> const text{1, 2, 3};
    REQUIRE(peer->send(text));
    auto got = wait_for_some(here);
    REQUIRE(got.size() == 1);
    CHECK(std::vector<std::uint8_t>(got[0].bytes.begin(), got[0].bytes.end()) == text);
    CHECK(got[0].reject == wire::reject::none);

    REQUIRE(stranger->send(text));
    got = wait_for_some(here);
    REQUIRE(got.size() == 1);
    CHECK(got[0].reject == wire::reject::wrong_source);

    REQUIRE(peer->send(std::vector<std::uint8_t>(2000)));
    got = wait_for_some(here);
    REQUIRE(got.size() == 1);
    CHECK(got[0].reject == wire::reject::truncated);
}

TEST_CASE("a parent's goodbye comes from another port") {
    auto [here, port] = open_somewhere("127.0.0.1", "127.0.0.2");
    auto parent = udp_link::open(path("127.0.0.2", "127.0.0.1", port), 0);
    REQUIRE(parent.has_value());
    REQUIRE(parent->send(std::vector<std::uint8_t>{1}));
    CHECK(wait_for_some(here).at(0).reject == wire::reject::none);
}

TEST_CASE("IPv6 works alike, and what the peer's kernel refuses does no harm") {
    auto [here, port] = open_somewhere("::1", "::1");
    for (int i = 0; i < 40; ++i) { // more than a batch
        REQUIRE(here.send(std::vector<std::uint8_t>{static_cast<std::uint8_t>(i)}));
    }
    std::size_t count = 0;
    while (count < 40) {
        count += wait_for_some(here).size();
    }
    CHECK(count == 40);
    auto closed = udp_link::open(path("127.0.0.1", "127.0.0.9", port));
    REQUIRE(closed.has_value());
    closed->send(std::vector<std::uint8_t>{1}); // nobody listens there: an ICMP error comes home
    CHECK(closed->receive().empty());
}

TEST_CASE("what can't be opened is said with the link's name and the remedy") {
    auto [here, port] = open_somewhere("127.0.0.1", "127.0.0.2");
    auto const taken = udp_link::open(path("127.0.0.1", "127.0.0.2", port));
    REQUIRE_FALSE(taken.has_value());
    CHECK(taken.error().code == balance::errc::already_exists);
    CHECK(taken.error().detail.find("link data: ") == 0);
    CHECK(taken.error().detail.find("ss -lunp") != std::string::npos);

    auto missing = path("127.0.0.1", "127.0.0.2", port);
    missing.interface = "no-such-if";
    auto const none = udp_link::open(missing);
    REQUIRE_FALSE(none.has_value());
    CHECK(none.error().code == balance::errc::not_found);
    CHECK(none.error().detail.find("ip link") != std::string::npos);
}

TEST_CASE("an address that isn't here yet is no reason not to start") {
    CHECK(udp_link::open(path("192.0.2.77", "192.0.2.78", 0)).has_value());
    CHECK(udp_link::open(path("2001:db8::77", "2001:db8::78", 0)).has_value());
}
