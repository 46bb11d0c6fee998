// SPDX-License-Identifier: Apache-2.0
#include "support/event_wait.hpp"
#include "support/scripted_server.hpp"

#include <balance/checker.hpp>

#include <catch2/catch.hpp>

using namespace balance;
using namespace dyad::test;
using namespace std::chrono_literals;

namespace {

/// One service with one server at 127.0.0.1 and the given check.
virtual_service service_with(health_check c, std::uint16_t port, std::string const& name = "web") {
    virtual_service s;
    s.name = name;
    s.mode = mode::dr;
    s.address = boost::asio::ip::make_address("192.0.2.1");
    s.ports = {{port, port}};
    s.check = std::move(c);
    s.check.port = port;
    s.servers = {{.name = "one", .address = boost::asio::ip::address_v4::loopback()}};
    return s;
}

health_check check_of(health_check::kind type) {
    health_check c;
    c.type = type;
    c.interval = 10ms;
    c.timeout = 2000ms;
    return c;
}

/// A checker whose events are collected.
struct watched_checker {
    boost::asio::io_context io;
    checker subject{io.get_executor()};
    std::vector<health_event> events;

    watched_checker() {
        subject.on_event([this](health_event const& e) { events.push_back(e); });
    }
    void apply(std::vector<virtual_service> const& services, std::vector<server_state> const& known = {}) {
        subject.apply(services, known);
    }
    bool wait_for_events(std::size_t count) {
        return run_until(io, [&] { return events.size() >= count; });
    }
};

} // namespace

TEST_CASE("a server that accepts connections comes up with the first check", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, stay_silent);
    c.apply({service_with(check_of(health_check::kind::connect), server.port())});
    REQUIRE(c.wait_for_events(1));
    CHECK(c.events[0].key == server_key{"web", "one"});
    CHECK(c.events[0].health == health::up);
    CHECK(c.events[0].last.reason == "connected");
}

TEST_CASE("a closed port is down with a reason", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, stay_silent);
    auto const port = server.port();
    server.close();
    c.apply({service_with(check_of(health_check::kind::connect), port)});
    REQUIRE(c.wait_for_events(1));
    CHECK(c.events[0].health == health::down);
    CHECK(c.events[0].last.reason == "connection refused");
}

TEST_CASE("an http check compares the body", "[checker]") {
    watched_checker c;
    std::string request;
    scripted_server server(c.io, reply(http_answer("allServicesOperative\r\n"), &request));
    auto check = check_of(health_check::kind::http);
    check.request = "/ea/health";
    check.expect.equals = "allServicesOperative";
    c.apply({service_with(check, server.port())});
    REQUIRE(c.wait_for_events(1));
    CHECK(c.events[0].health == health::up);
    CHECK(c.events[0].last.reason == "200 OK, body as expected");
    CHECK(request.starts_with("GET /ea/health HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"));
    CHECK(request.find("Connection: close\r\n") != std::string::npos);

    server.answer(reply(http_answer("oneServiceFailed")));
    REQUIRE(c.wait_for_events(2));
    CHECK(c.events[1].health == health::down);
    CHECK(c.events[1].last.reason == "body is not \"allServicesOperative\" but \"oneServiceFailed\"");
}
