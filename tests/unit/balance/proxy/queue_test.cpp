// SPDX-License-Identifier: Apache-2.0
// Clients that wait for room at a server.
#include "proxied_service.hpp"
#include "recording_server.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

using namespace std::chrono_literals;
using namespace test;

namespace {

/// A service whose servers greet with their names and have room for one client each.
struct narrow_service {
    explicit narrow_service(unsigned threads) : p({.threads = threads}) {
        p.add_server("one", one.port());
        p.service().servers[0].max_connections = 1;
        p.service().timeouts.queue = 20s;
        p.apply();
    }
    void add_two() {
        p.add_server("two", two.port());
        p.service().servers[1].max_connections = 1;
        p.apply();
    }
    bool wait_for(std::uint32_t clients) {
        return eventually([&] { return p.status().waiting == clients; });
    }

    threaded_server one{greet_and_echo("one")};
    threaded_server two{greet_and_echo("two")};
    proxied_service p;
};

} // namespace

TEST_CASE("a client waits until a server has room", "[queue]") {
    narrow_service t(2);
    auto first = std::make_optional<tcp_client>(t.p.port);
    CHECK(first->receive_line() == "one");
    tcp_client second(t.p.port);
    REQUIRE(t.wait_for(1));
    CHECK(t.p.status().servers[0].active_connections == 1);
    SECTION("a client leaves") { first.reset(); }
    SECTION("the server may take more") {
        t.p.service().servers[0].max_connections = 2;
        t.p.apply();
    }
    SECTION("another server comes") { t.add_two(); }
    SECTION("the server goes down, and a fallback is there") {
        t.p.service().fallback = {balance::fallback::kind::server, {boost::asio::ip::address_v4::loopback(), t.two.port()}};
        t.p.state("one").health = balance::health::down;
        t.p.apply();
    }
    CHECK(second.receive_line() != "");
    CHECK(t.p.status().waiting == 0);
}

TEST_CASE("who waited too long is refused, and takes nobody's place", "[queue]") {
    narrow_service t(1);
    t.p.service().timeouts.queue = 100ms;
    t.p.apply();
    auto first = std::make_optional<tcp_client>(t.p.port);
    CHECK(first->receive_line() == "one");
    CHECK(tcp_client(t.p.port).receive_line() == "");
    CHECK(t.p.status().waiting == 0);
    first.reset();
    CHECK(t.p.who_serves() == "one");
}

TEST_CASE("a client that waits and leaves is forgotten", "[queue]") {
    narrow_service t(2);
    auto first = std::make_optional<tcp_client>(t.p.port);
    CHECK(first->receive_line() == "one");
    {
        tcp_client second(t.p.port);
        REQUIRE(t.wait_for(1));
    }
    REQUIRE(t.wait_for(0));
    tcp_client third(t.p.port);
    REQUIRE(t.wait_for(1));
    first.reset();
    CHECK(third.receive_line() == "one");
}

TEST_CASE("nobody is forgotten, whichever threads they are on", "[queue]") {
    narrow_service t(4);
    t.add_two();
    std::vector<std::thread> clients;
    std::atomic<int> served{0};
    for (int i = 0; i < 8; ++i) {
        clients.emplace_back([&] {
            for (int n = 0; n < 25; ++n)
                served += t.p.who_serves() != "";
        });
    }
    for (auto& c : clients)
        c.join();
    CHECK(served == 200);
    CHECK(eventually([&] {
        auto const s = t.p.status();
        return s.waiting == 0 && s.servers[0].active_connections + s.servers[1].active_connections == 0;
    }));
}

TEST_CASE("mode http: requests wait, and 503 ends their patience", "[queue][http]") {
    recording_server server("one");
    proxied_service p({.threads = 2});
    p.service().mode = balance::mode::http;
    p.add_server("one", server.port());
    p.service().servers[0].max_connections = 1;
    p.apply();
    server.answer(""); // it thinks about it
    std::string const request = "GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n";
    auto first = std::make_optional<tcp_client>(p.port);
    first->send(request);
    REQUIRE(eventually([&] { return server.asked().size() == 1; }));
    SECTION("a request under way ends") {
        tcp_client second(p.port);
        second.send(request);
        REQUIRE(eventually([&] { return p.status().waiting == 1; }));
        server.answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
        first->reset();
        CHECK(second.receive_all().ends_with("two"));
    }
    SECTION("who waits goes away") {
        {
            tcp_client second(p.port);
            second.send(request);
            REQUIRE(eventually([&] { return p.status().waiting == 1; }));
        }
        CHECK(eventually([&] { return p.status().waiting == 0; }));
    }
    SECTION("nobody leaves in time") {
        p.service().timeouts.queue = 100ms;
        p.apply();
        tcp_client second(p.port);
        second.send(request);
        CHECK(second.receive_all().starts_with("HTTP/1.1 503 "));
    }
    CHECK(p.status().waiting == 0);
}

TEST_CASE("who came first is served first, also after a change of the configuration", "[queue]") {
    narrow_service t(2);
    auto first = std::make_optional<tcp_client>(t.p.port);
    CHECK(first->receive_line() == "one");
    std::vector<std::unique_ptr<tcp_client>> line;
    for (std::uint32_t i = 1; i <= 4; ++i) {
        line.push_back(std::make_unique<tcp_client>(t.p.port));
        REQUIRE(t.wait_for(i));
    }
    t.p.apply();
    first.reset();
    for (auto& next : line) {
        CHECK(next->receive_line() == "one");
        next.reset();
    }
}

TEST_CASE("mode http: a client that asks again and again does not keep others waiting", "[queue][http]") {
    recording_server server("one");
    proxied_service p({.threads = 1});
    p.service().mode = balance::mode::http;
    p.add_server("one", server.port());
    p.service().servers[0].max_connections = 1;
    p.apply();
    constexpr std::size_t all = 5000;
    std::string many;
    for (std::size_t i = 0; i < all; ++i)
        many += "GET / HTTP/1.1\r\nHost: web\r\n\r\n";
    tcp_client busy(p.port);
    std::thread asking([&] { busy.send(many); });
    std::thread reading([&] {
        for (std::size_t i = 0; i < all; ++i)
            busy.receive(std::string("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none").size());
    });
    REQUIRE(eventually([&] { return !server.asked().empty(); }));
    tcp_client second(p.port);
    second.send("GET /second HTTP/1.1\r\nHost: web\r\n\r\n");
    CHECK(second.receive(15) == "HTTP/1.1 200 OK");
    auto const before = server.asked().size();
    asking.join();
    reading.join();
    CHECK(before < all);
    CHECK(server.asked().size() == all + 1);
}

TEST_CASE("a place is kept for a client whom it suits", "[queue][http]") {
    recording_server a("a");
    recording_server b("b");
    proxied_service p({.threads = 1});
    p.service().mode = balance::mode::http;
    p.add_server("a", a.port());
    p.add_server("b", b.port());
    for (auto& s : p.service().servers)
        s.max_connections = 1;
    p.service().http.routes = {{"a", "", "/a", {"a"}}, {"b", "", "/b", {"b"}}};
    p.apply();
    a.answer("");
    b.answer("");
    auto const ask = [&](std::string const& path) {
        auto client = std::make_unique<tcp_client>(p.port);
        client->send("GET " + path + " HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n");
        return client;
    };
    auto const in_a = ask("/a");
    auto const in_b = ask("/b");
    REQUIRE(eventually([&] { return a.asked().size() + b.asked().size() == 2; }));
    auto const wants_b = ask("/b");
    REQUIRE(eventually([&] { return p.status().waiting == 1; }));
    auto const wants_a = ask("/a");
    REQUIRE(eventually([&] { return p.status().waiting == 2; }));
    a.answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    in_a->reset();
    CHECK(wants_a->receive_all().ends_with("a"));
    CHECK(p.status().waiting == 1);
}
