// SPDX-License-Identifier: Apache-2.0
#include "guardian/listeners.hpp"

#include "support/free_port.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>

#include <sys/socket.h>

using namespace dyad;
using balance::endpoint;

namespace {

endpoint at(char const* address, std::uint16_t port) { return {boost::asio::ip::make_address(address), port}; }

std::uint16_t port_of(ipc::descriptor const& socket) {
    boost::asio::ip::tcp::endpoint local;
    auto size = static_cast<socklen_t>(local.capacity());
    REQUIRE(::getsockname(socket.get(), local.data(), &size) == 0);
    return local.port();
}

int option_of(ipc::descriptor const& socket, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    ::getsockopt(socket.get(), level, name, &value, &size);
    return value;
}

} // namespace

TEST_CASE("the difference of two sets of sockets") {
    auto const a = at("10.0.0.1", 80);
    auto const b = at("10.0.0.1", 443);
    auto const c = at("2001:db8::1", 80);
    CHECK(listener_difference({}, {}) == listener_change{});
    CHECK(listener_difference({}, {b, a}) == listener_change{{a, b}, {}});
    CHECK(listener_difference({a, b}, {a, b}) == listener_change{});
    CHECK(listener_difference({a, b}, {b, c}) == listener_change{{c}, {a}});
    CHECK(listener_difference({a, c}, {}) == listener_change{{}, {a, c}});
}

TEST_CASE("a listener needs no address that is here") {
    auto const v4 = open_listener(at("192.0.2.1", 0));
    REQUIRE(v4.has_value());
    CHECK(option_of(*v4, SOL_SOCKET, SO_ACCEPTCONN) == 1);
    auto const v6 = open_listener(at("2001:db8::1", 0));
    REQUIRE(v6.has_value());
    CHECK(option_of(*v6, SOL_SOCKET, SO_ACCEPTCONN) == 1);
}

TEST_CASE("the same port can be had on both families") {
    auto const v6 = open_listener(at("::", 0));
    REQUIRE(v6.has_value());
    CHECK(open_listener(at("127.0.0.1", port_of(*v6))).has_value());
}

TEST_CASE("a taken port is said with its remedy, the others are opened") {
    auto const port = test::free_port({"127.0.0.1", "127.0.0.2"});
    auto const busy = at("127.0.0.1", port);
    auto const good = at("127.0.0.2", port);
    auto const taken = open_listener(busy);
    REQUIRE(taken.has_value());
    listeners l;
    CHECK(l.apply({busy, good}) == listener_change{{good}, {}});
    REQUIRE(l.failed().size() == 1);
    CHECK(l.failed()[0].local == busy);
    CHECK(l.failed()[0].error.find("another program has this port") != std::string::npos);
    CHECK(l.held().size() == 1);
}

TEST_CASE("what failed is tried again, and what stays is not touched") {
    auto const port = test::free_port({"127.0.0.1", "127.0.0.2"});
    auto const busy = at("127.0.0.1", port);
    auto const good = at("127.0.0.2", port);
    auto taken = *open_listener(busy);
    listeners l;
    l.apply({busy, good});
    int const before = l.held().at(good).get();
    CHECK(l.retry() == listener_change{});
    taken.reset();
    CHECK(l.retry() == listener_change{{busy}, {}});
    CHECK(l.failed().empty());
    CHECK(l.held().at(good).get() == before);
}

TEST_CASE("what is no longer wanted is closed and can be had again") {
    auto const local = at("127.0.0.1", test::free_port({"127.0.0.1"}));
    listeners l;
    CHECK(l.apply({local}) == listener_change{{local}, {}});
    CHECK(l.apply({}) == listener_change{{}, {local}});
    CHECK(l.held().empty());
    CHECK(open_listener(local).has_value());
}
