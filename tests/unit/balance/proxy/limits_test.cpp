// SPDX-License-Identifier: Apache-2.0
// How much clients may take of a service.
#include "proxied_service.hpp"
#include "recording_server.hpp"

#include <balance/text.hpp>

#include <catch2/catch.hpp>

#include <poll.h>

#include <array>

using namespace test;
using namespace std::chrono_literals;

namespace {

struct limited_service : proxied_service {
    explicit limited_service(balance::mode m) : proxied_service({.threads = 2}) {
        service().mode = m;
        add_server("one", m == balance::mode::http ? web.port() : echo.port());
    }
    balance::client_limits& limits() { return service().limits; }

    recording_server web{"one"};
    threaded_server echo{greet_and_echo("one")};
};

/// Has anything come, the end included?
bool hears_something(tcp_client const& c) {
    pollfd p{.fd = c.descriptor(), .events = POLLIN, .revents = 0};
    return ::poll(&p, 1, 0) > 0;
}

std::string const question = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
std::size_t const answer_size = http_answer("one").size();

} // namespace

TEST_CASE("above its maximum of clients a service takes no more until one leaves", "[limits]") {
    limited_service p(balance::mode::tcp);
    p.limits().connections = 2;
    p.apply();
    tcp_client first(p.port);
    tcp_client second(p.port);
    CHECK(first.receive_line() == "one");
    CHECK(second.receive_line() == "one");
    tcp_client third(p.port);
    CHECK(third.error() == 0); // in the listen queue
    for (int i = 0; i < 20; ++i) { // the ones before go on, and nothing comes for it
        first.send("x");
        CHECK(first.receive(1) == "x");
    }
    CHECK_FALSE(hears_something(third));
    CHECK(p.status().counters.connections == 2);
    second.close();
    CHECK(third.receive_line() == "one");
    p.limits().connections = 0;
    p.apply();
    CHECK(p.who_serves() == "one");
}

TEST_CASE("a place that becomes free is taken at once, on whichever thread", "[limits]") {
    limited_service p(balance::mode::tcp);
    p.limits().connections = 2;
    p.apply();
    // Whoever looks at ticks alone needs 25 ms for a place, on the average; a machine that is busy gets several chances.
    auto const quick = [&] {
        std::vector<tcp_client> in;
        for (int i = 0; i < 2; ++i) {
            in.emplace_back(p.port);
            CHECK(in.back().receive_line() == "one");
        }
        auto const since = std::chrono::steady_clock::now();
        for (int i = 0; i < 20; ++i) {
            tcp_client next(p.port);
            in[static_cast<std::size_t>(i) % 2].close();
            CHECK(next.receive_line() == "one");
            in[static_cast<std::size_t>(i) % 2] = std::move(next);
        }
        return std::chrono::steady_clock::now() - since < 200ms;
    };
    CHECK(eventually(quick));
}

TEST_CASE("connections of one source too many are closed", "[limits]") {
    limited_service p(balance::mode::tcp);
    p.limits().source_connections = 2;
    p.apply();
    std::vector<tcp_client> mine;
    for (int i = 0; i < 2; ++i) {
        mine.emplace_back(p.port);
        CHECK(mine.back().receive_line() == "one");
    }
    CHECK(p.who_serves().empty());
    CHECK(p.status().exchanges.refused == 1);
    CHECK(p.who_serves("127.0.0.2") == "one");
    mine.pop_back();
    CHECK(eventually([&] { return p.who_serves() == "one"; }));
    p.limits().except = {balance::parse_subnet("127.0.0.0/24").value()};
    p.apply();
    std::vector<tcp_client> excepted;
    for (int i = 0; i < 3; ++i) {
        excepted.emplace_back(p.port);
        CHECK(excepted.back().receive_line() == "one");
    }
}

TEST_CASE("sources are networks where that is asked for", "[limits]") {
    limited_service p(balance::mode::tcp);
    p.limits().source_connections = 1;
    p.limits().ipv4_prefix = 24;
    p.apply();
    tcp_client first(p.port);
    CHECK(first.receive_line() == "one");
    CHECK(p.who_serves("127.0.0.200").empty());
    CHECK(p.who_serves("127.0.1.1") == "one");
}

TEST_CASE("connections of one source too fast are closed", "[limits]") {
    limited_service p(balance::mode::tcp);
    p.limits().source_rate = 3;
    p.limits().source_period = 1h;
    p.apply();
    for (int i = 0; i < 3; ++i)
        CHECK(p.who_serves() == "one");
    CHECK(p.who_serves().empty());
    CHECK(p.who_serves("127.0.0.2") == "one");
}

TEST_CASE("requests of one source too fast get 429", "[limits]") {
    limited_service p(balance::mode::http);
    p.limits().source_rate = 3;
    p.limits().source_period = 1h;
    p.apply();
    tcp_client client(p.port);
    for (int i = 0; i < 3; ++i) {
        client.send(question);
        CHECK(client.receive(answer_size).ends_with("one"));
    }
    client.send(question);
    auto const refused = client.receive_all();
    CHECK(refused.starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
    CHECK(refused.find("\r\nRetry-After: 1200\r\n") != std::string::npos);
    CHECK(p.web.asked().size() == 3);
    CHECK(p.status().exchanges.refused == 1);
    tcp_client other(p.port, "127.0.0.2");
    other.send(question);
    CHECK(other.receive(answer_size).ends_with("one"));
}

TEST_CASE("with mode http a connection too many hears so, and very many are closed", "[limits]") {
    limited_service p(balance::mode::http);
    p.limits().source_connections = 1;
    p.apply();
    tcp_client first(p.port);
    first.send(question);
    CHECK(first.receive(answer_size).ends_with("one"));
    std::array more{tcp_client(p.port), tcp_client(p.port)};
    REQUIRE(eventually([&] { return hears_something(more[0]) || hears_something(more[1]); }));
    auto& closed = more[hears_something(more[0]) ? 0 : 1]; // the threads decide which was the third
    auto& second = more[&closed == &more[0] ? 1 : 0];
    CHECK(closed.receive_all().empty());
    second.send(question);
    CHECK(second.receive_all().starts_with("HTTP/1.1 429 "));
    CHECK(p.web.asked().size() == 1);
    first.close();
    CHECK(eventually([&] {
        tcp_client next(p.port);
        next.send(question);
        return next.receive(answer_size).ends_with("one");
    }));
}
