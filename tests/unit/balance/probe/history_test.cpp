// SPDX-License-Identifier: Apache-2.0
#include "probe/history.hpp"

#include "watched_checker.hpp"

#include <catch2/catch.hpp>

using namespace balance;
using namespace test;
using namespace std::chrono_literals;

namespace {

check_result of(bool success, std::string reason, milliseconds latency, std::string received = {}) {
    return {success, std::move(reason), latency, std::move(received)};
}

} // namespace

TEST_CASE("results alike in a row are one entry of the history", "[history]") {
    probe::history h;
    probe::history::time_point const start{};
    CHECK(h.runs(start).empty());
    h.note(start, of(true, "200 OK", 3ms, "HTTP/1.1 a"));
    h.note(start + 2s, of(true, "200 OK", 9ms, "HTTP/1.1 b"));
    h.note(start + 4s, of(true, "200 OK", 4ms, "HTTP/1.1 c"));
    h.note(start + 6s, of(false, "connection refused", 0ms));
    h.note(start + 8s, of(true, "200 OK", 5ms));
    auto const runs = h.runs(start + 10s);
    REQUIRE(runs.size() == 3);
    CHECK(runs[0] == check_run{of(true, "200 OK", 5ms), 1, 5ms, 2s, 2s});
    CHECK(runs[1] == check_run{of(false, "connection refused", 0ms), 1, 0ms, 4s, 4s});
    CHECK(runs[2] == check_run{of(true, "200 OK", 4ms, "HTTP/1.1 c"), 3, 9ms, 10s, 6s});
}

TEST_CASE("the history is bounded, and the oldest goes", "[history]") {
    probe::history h;
    for (int i = 0; i < 1000; ++i)
        h.note({}, of(true, std::to_string(i), 0ms));
    auto const runs = h.runs({});
    REQUIRE(runs.size() == probe::history::most);
    CHECK(runs.front().last.reason == "999");
    CHECK(runs.back().last.reason == std::to_string(1000 - probe::history::most));
}

TEST_CASE("a checker tells the history of a server with the bytes that came back", "[history]") {
    watched_checker c;
    scripted_server server(c.io, reply(http_answer("good", "503 Oh\tno")));
    auto s = checked_service(check_of(health_check::kind::http), server.port());
    c.apply({s});
    REQUIRE(c.wait_for_events(1));
    server.answer(reply(http_answer("good")));
    REQUIRE(c.wait_for_events(2));
    auto const runs = c.subject.history({"web", "one"});
    REQUIRE(runs.size() == 2);
    CHECK(runs[0].last.success);
    CHECK(runs[0].last.received == "HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\ngood");
    CHECK(runs[1].last.reason == "status 503 Oh no");
    CHECK(runs[1].last.received == "HTTP/1.1 503 Oh\\tno\\r\\nContent-Length: 4\\r\\n\\r\\ngood");
    CHECK(runs[1].count >= 1);
    CHECK(c.subject.history({"web", "two"}).empty());

    s.check.interval = 1h; // another check
    c.apply({s});
    REQUIRE(run_until(c.io, [&] { return !c.subject.history({"web", "one"}).empty(); }));
    CHECK(c.subject.history({"web", "one"}).size() == 1);
    c.apply({s}, {{{"web", "one"}, health::up, admin_state::halt}});
    CHECK(c.subject.history({"web", "one"}).empty());
}

TEST_CASE("what came back before a check ran out of time is in its history", "[history]") {
    watched_checker c;
    scripted_server server(c.io, keep_writing("HTTP/1.1 200 OK\r\nX: ", "", 10ms));
    auto check = check_of(health_check::kind::http);
    check.timeout = 40ms;
    c.apply({checked_service(check, server.port())});
    CHECK(c.result().reason == "no complete answer within 40 ms");
    CHECK(c.subject.history({"web", "one"}).at(0).last.received == "HTTP/1.1 200 OK\\r\\nX: ");
}
