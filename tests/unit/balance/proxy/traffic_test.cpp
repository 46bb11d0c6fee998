// SPDX-License-Identifier: Apache-2.0
// What is counted of clients' requests and connections.
#include "proxied_service.hpp"
#include "proxy/traffic.hpp"
#include "recording_server.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace test;
using balance::layer7::rate_meter;
using balance::layer7::recent_times;

namespace {

std::uint64_t counted(recent_times const& times, recent_times::clock::time_point now) {
    std::array<std::uint64_t, balance::core::latency::classes> sum{};
    times.read(sum, now);
    return balance::core::latency::percentiles_of(sum).count;
}

} // namespace

TEST_CASE("times of this minute and the last are remembered", "[traffic]") {
    recent_times times;
    recent_times::clock::time_point const start{100min};
    times.add(1ms, start);
    times.add(1ms, start + 59s);
    CHECK(counted(times, start + 59s) == 2);
    times.add(1ms, start + 60s);
    CHECK(counted(times, start + 61s) == 3);
    CHECK(counted(times, start + 121s) == 1); // nobody came since
    CHECK(counted(times, start + 180s) == 0);
    times.add(1ms, start + 10min);
    CHECK(counted(times, start + 10min) == 1);
}

TEST_CASE("rates follow what happens within some seconds", "[traffic]") {
    rate_meter meter;
    rate_meter::clock::time_point now{100min};
    balance::counters c;
    CHECK(meter.read(c, now) == balance::rates{});
    for (int i = 0; i < 20; ++i) {
        c.connections += 100;
        c.in_bytes += 5000;
        now += 1s;
        meter.read(c, now);
    }
    auto const busy = meter.read(c, now);
    CHECK(busy.connections >= 98);
    CHECK(busy.connections <= 100);
    CHECK(busy.in_bytes >= 4900);
    CHECK(meter.read(c, now + 1s).connections < 80);
    CHECK(meter.read(c, now + 30s).connections == 0);
}

TEST_CASE("a rate begins anew after idle times, however often or seldom it was read meanwhile", "[traffic]") {
    bool const read = GENERATE(true, false);
    rate_meter meter;
    rate_meter::clock::time_point now{100min};
    balance::counters c;
    meter.read(c, now);
    for (int i = 0; i < 60; ++i) {
        now += 1s;
        if (read)
            meter.read(c, now);
    }
    if (!read)
        meter.rested_until(now);
    c.connections += 100;
    CHECK(meter.read(c, now + 1s).connections == 28); // the first second of a memory of 3
}

TEST_CASE("an idle service's servers are told as they were, and as they are when it is busy again", "[traffic]") {
    recording_server server("one");
    proxied_service p({.threads = 1});
    p.service().mode = balance::mode::http;
    p.add_server("one", server.port());
    p.apply();
    auto const ask = [&] {
        tcp_client client(p.port);
        client.send("GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n");
        return client.receive_all();
    };
    for (std::uint64_t times = 1; times <= 3; ++times) {
        CHECK(ask().starts_with("HTTP/1.1 200"));
        REQUIRE(eventually([&] { return p.status().servers[0].active_connections == 0; }));
        for (int looks = 0; looks < 5; ++looks) {
            auto const now = p.status();
            CHECK(now.servers[0].counters.connections == times);
            CHECK(now.servers[0].exchanges.answers[1] == times);
            CHECK(now.servers[0].counters.out_bytes > 0);
        }
    }
    p.add_server("two", server.port());
    p.apply();
    CHECK(p.status().servers.size() == 2);
    CHECK(p.status().servers.size() == 2);
}

TEST_CASE("mode http: every outcome is counted once", "[traffic]") {
    recording_server server("one");
    proxied_service p({.threads = 1});
    p.service().mode = balance::mode::http;
    p.service().timeouts.answer = 100ms;
    p.add_server("one", server.port());
    p.apply();
    auto const ask = [&](std::string const& first_line = "GET / HTTP/1.1") {
        tcp_client client(p.port);
        client.send(first_line + "\r\nHost: web\r\nConnection: close\r\n\r\n");
        return client.receive_all();
    };
    ask();
    server.answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    ask();
    server.answer("nonsense\r\n\r\n");
    ask();
    server.answer("");
    ask();
    ask("GET nowhere HTTP/1.1");
    auto const s = p.status();
    for (auto const& e : {s.exchanges, s.servers[0].exchanges}) {
        CHECK(e.answers == std::array<std::uint64_t, 5>{0, 1, 0, 1, 0});
        CHECK(e.broken == 1);
        CHECK(e.late == 1);
        CHECK(e.time.count == 2);
        CHECK(e.time.p50.count() > 0);
    }
    CHECK(s.exchanges.refused == 1);
    CHECK(s.servers[0].exchanges.refused == 0);
    p.state("one").health = balance::health::down;
    p.apply();
    ask();
    CHECK(p.status().exchanges.no_server == 1);
}

TEST_CASE("mode tcp: connections, and those that came to nothing", "[traffic]") {
    threaded_server one(greet_and_echo("one"));
    proxied_service p({.threads = 1});
    p.add_server("one", one.port());
    p.apply();
    CHECK(p.who_serves() == "one");
    CHECK(p.status().exchanges.time.count == 1);
    p.service().servers[0].port = free_port(); // nobody listens there
    p.apply();
    CHECK(p.who_serves() == "");
    auto const e = p.status().exchanges;
    CHECK(e.unreachable == 1);
    CHECK(e.no_server == 1);
}

TEST_CASE("errors at servers are told where a service wants it", "[traffic][observe]") {
    recording_server server("one");
    proxied_service p({.threads = 2});
    p.service().mode = balance::mode::http;
    p.service().timeouts.answer = 100ms;
    p.add_server("one", server.port());
    p.apply();
    CHECK(p.subject.observed_errors().empty());
    p.service().observe.emplace();
    p.apply();
    auto const errors = [&] {
        auto const all = p.subject.observed_errors();
        REQUIRE(all.size() == 1);
        CHECK(all[0].key == balance::server_key{"web", "one"});
        return all[0].count;
    };
    auto const ask = [&](std::string const& first_line = "GET / HTTP/1.1") {
        tcp_client client(p.port);
        client.send(first_line + "\r\nHost: web\r\nConnection: close\r\n\r\n");
        return client.receive_all();
    };
    ask();
    ask("GET nowhere HTTP/1.1"); // the client's own fault
    CHECK(errors() == 0);
    server.answer("nonsense\r\n\r\n");
    ask();
    CHECK(errors() == 1);
    server.answer(""); // nothing in time
    ask();
    CHECK(errors() == 2);
    server.answer("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
    ask();
    CHECK(errors() == 2);
    p.service().observe->server_errors = true;
    p.apply();
    CHECK(errors() == 3);
    ask();
    CHECK(errors() == 4);
    p.service().servers[0].port = free_port(); // nobody listens there; another server, which begins anew
    p.apply();
    CHECK(errors() == 0);
    ask();
    CHECK(errors() == 1);
}
