// SPDX-License-Identifier: Apache-2.0
// Servers that see clients' own addresses. Loopback addresses can be borrowed without privileges; those of others, and the way
// back, are tried in integration/drills.
#include "proxied_service.hpp"

#include <catch2/catch.hpp>

#include <sys/socket.h>

#include <atomic>

using namespace test;
using namespace std::chrono_literals;

namespace {

/// Tells each client its own address, as often as it asks.
boost::asio::awaitable<void> name_the_peer(tcp::socket& s) {
    auto const peer = http_answer(s.remote_endpoint().address().to_string());
    std::string read;
    auto into = boost::asio::dynamic_buffer(read);
    for (;;) {
        auto [ec, size] = co_await boost::asio::async_read_until(s, into, "\r\n\r\n", no_throw);
        if (ec)
            break;
        into.consume(size);
        std::tie(ec, size) = co_await boost::asio::async_write(s, boost::asio::buffer(peer), no_throw);
    }
    s.close();
}

/// Makes sockets as somebody privileged would.
struct borrowing_service : proxied_service {
    explicit borrowing_service(balance::mode m) : proxied_service({.threads = 1}) {
        service().mode = m;
        service().transparent = true;
        subject.on_sockets_wanted([this](std::size_t ipv4, std::size_t ipv6) {
            wanted4 += ipv4;
            wanted6 += ipv6;
            if (gives)
                give(ipv4);
        });
        add_server("one", server.port());
    }
    void give(std::size_t count) {
        std::vector<int> sockets;
        for (std::size_t i = 0; i < count; ++i)
            sockets.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        subject.supply_sockets(sockets, {});
    }
    std::string seen_from(char const* address) {
        tcp_client c(port, address);
        c.send(question);
        return last_line(c.receive(http_answer(address).size()));
    }
    static std::string last_line(std::string const& text) { return text.substr(text.rfind('\n') + 1); }

    static constexpr char question[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    std::atomic<std::size_t> connections{0}; ///< of the server
    threaded_server server{[this](tcp::socket& s) {
        ++connections;
        return name_the_peer(s);
    }};
    std::atomic<bool> gives{true};
    std::atomic<std::size_t> wanted4{0};
    std::atomic<std::size_t> wanted6{0};
};

} // namespace

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
    borrowing_service p(balance::mode::tcp);
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
