// SPDX-License-Identifier: Apache-2.0
#include "probe/ping_socket.hpp"
#include "watched_checker.hpp"

#include <catch2/catch.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace balance;
using namespace test;
using namespace std::chrono_literals;
using probe::ping_socket;

namespace {

/// The kinds of ICMP sockets this process may open; without privileges there may be none.
std::vector<int> kinds(bool v6) {
    std::vector<int> all;
    for (int const kind : {SOCK_DGRAM, SOCK_RAW}) {
        int const fd =
            ::socket(v6 ? AF_INET6 : AF_INET, kind | SOCK_CLOEXEC, v6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP});
        if (fd >= 0)
            all.push_back(kind);
        ::close(fd);
    }
    return all;
}

int icmp_socket(bool v6, int kind) {
    return ::socket(v6 ? AF_INET6 : AF_INET, kind | SOCK_CLOEXEC, v6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP});
}

virtual_service pinged(std::string const& target, std::chrono::milliseconds timeout = 5s) {
    auto check = check_of(health_check::kind::ping);
    check.timeout = timeout;
    auto s = checked_service(check, 0);
    s.servers[0].address = boost::asio::ip::make_address(target);
    return s;
}

} // namespace

TEST_CASE("ping finds this machine up, or says which privilege is missing", "[checker]") {
    auto const target = GENERATE("127.0.0.1", "::1");
    bool const v6 = std::string(target) == "::1";
    watched_checker c;
    c.apply({pinged(target)});
    auto const r = c.result();
    if (kinds(v6).empty())
        CHECK_THAT(r.reason, Catch::StartsWith("no ICMP socket: ") && Catch::Contains("CAP_NET_RAW"));
    else
        CHECK(r.reason == "echo reply");
}

TEST_CASE("ping over sockets handed in, which stay open", "[checker]") {
    for (bool const v6 : {false, true})
        for (int const kind : kinds(v6)) {
            int const fd = icmp_socket(v6, kind);
            {
                watched_checker c({.icmp_v4 = v6 ? -1 : fd, .icmp_v6 = v6 ? fd : -1});
                c.apply({pinged(v6 ? "::1" : "127.0.0.1")});
                CHECK(c.result().reason == "echo reply");
            }
            CHECK(::close(fd) == 0);
        }
}

TEST_CASE("one socket serves many targets at once", "[checker]") {
    if (kinds(false).empty())
        return;
    watched_checker c;
    std::vector<virtual_service> services;
    for (int i = 1; i <= 100; ++i) {
        services.push_back(pinged("127.0.3." + std::to_string(i)));
        services.back().name = "s" + std::to_string(i);
        services.back().check.interval = 1h;
    }
    c.apply(services);
    REQUIRE(c.wait_for_events(100));
    for (auto const& e : c.events)
        CHECK(e.health == health::up);
}

TEST_CASE("a reply counts only from the asked address and with the right cookie", "[checker]") {
    for (int const kind : kinds(false)) {
        boost::asio::io_context io;
        int const fd = icmp_socket(false, kind);
        auto const socket = std::make_shared<ping_socket>(io.get_executor(), false, fd);
        REQUIRE(socket->open().empty());
        auto const here = boost::asio::ip::make_address("127.0.0.1");
        auto const elsewhere = boost::asio::ip::make_address("127.0.0.2");
        int good = 0;
        int bad = 0;
        auto const expected = socket->expect(here, [&] { ++good; });
        auto const other = socket->expect(elsewhere, [&] { ++bad; });
        auto unknown = expected;
        unknown[0] = static_cast<std::uint8_t>(unknown[0] ^ 1);
        REQUIRE(socket->send(here, other, 1) == 0);   // answered by 127.0.0.1, asked of 127.0.0.2
        REQUIRE(socket->send(here, unknown, 2) == 0); // nobody's cookie
        REQUIRE(socket->send(here, expected, 3) == 0);
        REQUIRE(socket->send(here, expected, 4) == 0); // answered twice, counts once
        CHECK(run_until(io, [&] { return good > 0; }));
        run_until(
            io, [] { return false; }, 20ms);
        CHECK(good == 1);
        CHECK(bad == 0);
        socket->close();
        ::close(fd);
    }
}

TEST_CASE("another process's identifier is not ours", "[checker]") {
    if (kinds(false).size() < 2) // a raw socket is what sees the replies to others
        return;
    boost::asio::io_context io;
    int const first = icmp_socket(false, SOCK_RAW);
    int const second = icmp_socket(false, SOCK_RAW);
    auto const asking = std::make_shared<ping_socket>(io.get_executor(), false, first);
    auto const listening = std::make_shared<ping_socket>(io.get_executor(), false, second);
    REQUIRE(asking->open().empty());
    REQUIRE(listening->open().empty());
    auto const here = boost::asio::ip::make_address("127.0.0.1");
    int heard = 0;
    int overheard = 0;
    auto const mine = asking->expect(here, [&] { ++heard; });
    listening->expect(here, [&] { ++overheard; });
    REQUIRE(asking->send(here, mine, 1) == 0);
    CHECK(run_until(io, [&] { return heard > 0; }));
    CHECK(overheard == 0);
    asking->close();
    listening->close();
    ::close(first);
    ::close(second);
}
