// SPDX-License-Identifier: Apache-2.0
// Requests to transparent services that wait for a socket, which somebody privileged has yet to make.
#include "borrowing_service.hpp"
#include "proxy/socket_supply.hpp"

#include <catch2/catch.hpp>

#include <cerrno>
#include <vector>

using namespace std::chrono_literals;
using namespace test;

namespace {

/// Mode http, and no sockets but those that the test gives.
struct hungry_service : borrowing_service {
    explicit hungry_service(scripted_server::behaviour b = {}) : borrowing_service(balance::mode::http, std::move(b)) {
        gives = false;
        service().timeouts.connect = 60s;
    }
    /// A request whose client waits: the server's place is its own by then.
    tcp_client waiting(char const* from, std::uint32_t in_all = 1) {
        tcp_client c(port, from);
        c.send(question);
        wait_for(in_all);
        return c;
    }
    void wait_for(std::uint32_t active) {
        REQUIRE(eventually([&] { return status().servers[0].active_connections == active; }));
    }
    static std::string answer(tcp_client& c, char const* from) { return last_line(c.receive(http_answer(from).size())); }
    void lose_patience_after(std::chrono::milliseconds limit) {
        service().timeouts.connect = limit;
        apply();
    }
};

/// One answer, to whatever it is asked, of which a body has one byte; the second question ends the connection.
boost::asio::awaitable<void> answer_once(tcp::socket& s) {
    std::string read;
    auto into = boost::asio::dynamic_buffer(read);
    auto const answer = http_answer(s.remote_endpoint().address().to_string());
    auto [ec, size] = co_await boost::asio::async_read_until(s, into, "\r\n\r\n", no_throw);
    if (!ec && read.starts_with("POST") && read.size() == size)
        std::tie(ec, std::ignore) = co_await boost::asio::async_read_until(s, into, "!", no_throw);
    into.consume(read.size());
    if (!ec)
        std::tie(ec, size) = co_await boost::asio::async_write(s, boost::asio::buffer(answer), no_throw);
    if (!ec)
        std::tie(ec, size) = co_await boost::asio::async_read_until(s, into, "\r\n\r\n", no_throw);
    s.close();
}

/// An answer that ends the connection.
boost::asio::awaitable<void> answer_and_leave(tcp::socket& s) {
    std::string read;
    auto const answer = http_answer(s.remote_endpoint().address().to_string());
    auto [ec, size] = co_await boost::asio::async_read_until(s, boost::asio::dynamic_buffer(read), "\r\n\r\n", no_throw);
    if (!ec)
        std::tie(ec, size) = co_await boost::asio::async_write(s, boost::asio::buffer(answer), no_throw);
    s.close();
}

} // namespace

TEST_CASE("mode http: who waits for a socket is counted once, before and after", "[transparent][http]") {
    hungry_service p;
    p.service().servers[0].max_connections = 1;
    p.apply();
    auto c = p.waiting("127.0.0.2");
    CHECK(p.status().servers[0].counters.connections == 0);
    p.give(1);
    CHECK(p.answer(c, "127.0.0.2") == "127.0.0.2");
    p.wait_for(0);
    CHECK(p.status().servers[0].counters.connections == 1);
    CHECK(p.status().counters.connections == 1);
    CHECK(p.seen_from("127.0.0.2") == "127.0.0.2"); // over the kept connection
}

TEST_CASE("mode http: sockets go to those who waited longest", "[transparent][http]") {
    hungry_service p;
    p.apply();
    auto first = p.waiting("127.0.0.2", 1);
    auto second = p.waiting("127.0.0.3", 2);
    auto third = p.waiting("127.0.0.4", 3);
    p.give(1);
    CHECK(p.answer(first, "127.0.0.2") == "127.0.0.2");
    p.give(1);
    CHECK(p.answer(second, "127.0.0.3") == "127.0.0.3");
    p.give(1);
    CHECK(p.answer(third, "127.0.0.4") == "127.0.0.4");
}

TEST_CASE("mode http: nobody waits for a socket for longer than for a connection", "[transparent][http]") {
    hungry_service p;
    p.lose_patience_after(400ms);
    for (int i = 1; i <= 3; ++i) { // the same session each time
        auto c = p.waiting("127.0.0.2");
        CHECK(c.receive_all().starts_with("HTTP/1.1 503 "));
        p.wait_for(0);
        CHECK(p.status().exchanges.no_server == static_cast<std::uint64_t>(i));
    }
    CHECK(p.status().servers[0].exchanges == balance::exchanges{}); // it is not to blame
    p.give(1);
    CHECK(p.seen_from("127.0.0.2") == "127.0.0.2");
    CHECK(p.connections == 1);
}

TEST_CASE("mode http: who waited for a socket in vain gets the fallback, which needs none", "[transparent][http]") {
    hungry_service p;
    p.service().fallback = {balance::fallback::kind::server, {boost::asio::ip::address_v4::loopback(), p.server.port()}};
    p.lose_patience_after(400ms);
    for (int i = 0; i < 2; ++i) {
        auto c = p.waiting("127.0.0.2");
        CHECK(p.answer(c, "127.0.0.1") == "127.0.0.1");
        p.wait_for(0);
    }
    CHECK(p.status().servers[0].exchanges == balance::exchanges{});
    CHECK(p.status().exchanges.no_server == 0);
}

TEST_CASE("mode http: one client waits for a socket again and again", "[transparent][http]") {
    hungry_service p(answer_and_leave);
    p.apply();
    auto c = p.waiting("127.0.0.2");
    p.give(1);
    CHECK(p.answer(c, "127.0.0.2") == "127.0.0.2");
    p.wait_for(0);
    c.send(p.question);
    p.wait_for(1);
    p.give(1);
    CHECK(p.answer(c, "127.0.0.2") == "127.0.0.2");
    p.wait_for(0);
    p.lose_patience_after(100ms);
    c.send(p.question);
    CHECK(c.receive_all().starts_with("HTTP/1.1 503 "));
    p.wait_for(0);
}

TEST_CASE("mode http: a kept connection that ends leaves its client waiting for a socket again", "[transparent][http]") {
    bool const comes = GENERATE(true, false);
    hungry_service p(answer_once);
    p.lose_patience_after(comes ? 60s : 1s);
    auto busy = tcp_client(p.port, "127.0.0.2");
    busy.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    p.wait_for(1);
    p.give(1);
    REQUIRE(eventually([&] { return p.connections == 1; }));
    auto c = p.waiting("127.0.0.2", 2);
    busy.send("!");
    CHECK(p.answer(busy, "127.0.0.2") == "127.0.0.2");
    p.wait_for(1);
    REQUIRE(eventually([&] { return p.status().servers[0].counters.connections == 2; })); // it had the kept one
    if (comes) {
        p.give(1);
        CHECK(p.answer(c, "127.0.0.2") == "127.0.0.2");
        CHECK(p.connections == 2);
        CHECK(p.status().servers[0].counters.connections == 3);
    } else {
        CHECK(c.receive_all().starts_with("HTTP/1.1 503 "));
        CHECK(p.connections == 1);
    }
    p.wait_for(0);
}

TEST_CASE("mode http: who waits for a socket and leaves is forgotten", "[transparent][http]") {
    hungry_service p;
    p.service().servers[0].max_connections = 1;
    p.service().limits.connections = 2;
    p.apply();
    auto c = p.waiting("127.0.0.2");
    tcp_client next(p.port, "127.0.0.3");
    next.send(p.question);
    REQUIRE(eventually([&] { return p.status().waiting == 1; })); // for the place of the first
    SECTION("in order") { c.close(); }
    SECTION("with a reset") { c.reset(); }
    CHECK(eventually([&] { return p.status().waiting == 0; }));
    p.wait_for(1); // that of the next
    p.give(1);
    CHECK(p.answer(next, "127.0.0.3") == "127.0.0.3");
    p.wait_for(0);
    next.close();
    p.give(2);
    CHECK(p.seen_from("127.0.0.4") == "127.0.0.4");
    CHECK(p.seen_from("127.0.0.5") == "127.0.0.5");
}

TEST_CASE("mode http: places go round among those who wait for a socket, and all hear 503 in time", "[transparent][http]") {
    hungry_service p;
    p.service().servers[0].max_connections = 1;
    p.service().timeouts.queue = 60s;
    p.lose_patience_after(100ms);
    std::vector<tcp_client> clients;
    for (auto const* from : {"127.0.0.2", "127.0.0.3", "127.0.0.4"}) {
        clients.emplace_back(p.port, from);
        clients.back().send(p.question);
    }
    for (auto& c : clients)
        CHECK(c.receive_all().starts_with("HTTP/1.1 503 "));
    p.wait_for(0);
    CHECK(p.status().waiting == 0);
}

TEST_CASE("mode http: a server that goes down takes nobody with it who waits for a socket", "[transparent][http]") {
    hungry_service p;
    p.apply();
    auto c = p.waiting("127.0.0.2");
    p.state("one").health = balance::health::down;
    SECTION("another one is there") {
        p.add_server("two", p.server.port());
        p.apply();
        REQUIRE(eventually([&] { return p.status().servers[1].active_connections == 1; }));
        p.state("one").health = balance::health::up;
        p.state("two").health = balance::health::down;
        p.apply();
        p.wait_for(1); // again at the first, which nobody has tried yet
        CHECK(p.status().servers[1].active_connections == 0);
        p.give(1);
        CHECK(p.answer(c, "127.0.0.2") == "127.0.0.2");
    }
    SECTION("a fallback is there, which needs no such socket") {
        p.service().fallback = {balance::fallback::kind::server, {boost::asio::ip::address_v4::loopback(), p.server.port()}};
        p.apply();
        CHECK(p.answer(c, "127.0.0.1") == "127.0.0.1");
    }
    SECTION("no other is there") {
        p.service().fallback.mode = balance::fallback::kind::disabled;
        p.apply();
        CHECK(c.receive_all().starts_with("HTTP/1.1 503 "));
    }
    p.wait_for(0);
}

TEST_CASE("mode http: who waits for a socket is reset with all others, and the proxy can stop", "[transparent][http]") {
    hungry_service p;
    p.apply();
    auto c = p.waiting("127.0.0.2");
    p.subject.reset_clients(true);
    CHECK(c.receive_line() == "");
    p.wait_for(0);
    auto last = p.waiting("127.0.0.2");
    p.subject.stop();
    CHECK(last.receive_line() == "");
}

TEST_CASE("who found no socket is called when there is one of its family", "[transparent]") {
    balance::layer7::socket_supply supply;
    supply.ask([](std::size_t, std::size_t) {});
    supply.expect(true, true);
    auto const fresh = [](int family) { return std::vector<int>{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)}; };
    CHECK_FALSE(supply.fill(fresh(AF_INET), {}));
    CHECK(supply.take(false).is_open());
    CHECK_FALSE(supply.take(false).is_open());
    CHECK(errno == EAGAIN);
    CHECK_FALSE(supply.fill({}, {}));
    CHECK_FALSE(supply.fill({}, fresh(AF_INET6)));
    CHECK(supply.fill(fresh(AF_INET), {}));
    CHECK_FALSE(supply.fill(fresh(AF_INET), {})); // once
}
