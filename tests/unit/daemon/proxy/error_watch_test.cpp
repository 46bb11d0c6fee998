// SPDX-License-Identifier: Apache-2.0
#include "proxy/error_watch.hpp"

#include <catch2/catch.hpp>

using balance::health;
using namespace std::chrono_literals;
using dyad::error_tally;
using dyad::error_watch;

namespace {

using moment = error_tally::clock::time_point;
moment at(std::chrono::milliseconds t) { return moment(1h + t); }

balance::observation limit(std::uint32_t errors, std::chrono::milliseconds within) { return {.errors = errors, .within = within}; }

balance::virtual_service observed(balance::mode mode, std::uint32_t errors) {
    balance::virtual_service s;
    s.name = "web";
    s.mode = mode;
    s.observe = limit(errors, 10s);
    s.servers = {{.name = "one", .address = {}}, {.name = "two", .address = {}}};
    return s;
}

balance::server_state state(char const* server, health h) { return {{"web", server}, h, balance::admin_state::online}; }

} // namespace

TEST_CASE("so many errors within the time are told once, and then counted anew") {
    error_tally t;
    auto const l = limit(10, 10s);
    CHECK_FALSE(t.note(1000, at(0s), l)); // of before
    CHECK_FALSE(t.note(1009, at(1s), l));
    CHECK(t.note(1010, at(2s), l));
    CHECK_FALSE(t.note(1019, at(4s), l));
    CHECK(t.note(1020, at(5s), l));
}

TEST_CASE("errors that are long ago count no more") {
    error_tally t;
    auto const l = limit(10, 10s);
    std::uint64_t total = 0;
    for (auto now = 0s; now < 60s; now += 2s) // 5 or 6 in each 10 s
        CHECK_FALSE(t.note(++total, at(now), l));
    CHECK_FALSE(t.note(total, at(100s), l));
    CHECK_FALSE(t.note(total + 9, at(101s), l));
    CHECK(t.note(total + 10, at(110s), l));
}

TEST_CASE("the time is measured a sixteenth too long at most") {
    auto const l = limit(2, 16s);
    for (auto const apart : {15s, 18s}) {
        error_tally t;
        std::uint64_t total = 0;
        bool told = false;
        for (auto now = 0ms; now <= 40s; now += 100ms) {
            if (now == 10s || now == 10s + apart) {
                ++total;
            }
            told |= t.note(total, at(now), l);
        }
        CHECK(told == (apart == 15s));
    }
}

TEST_CASE("a storm of errors is told once a second") {
    error_tally t;
    int told = 0;
    std::uint64_t total = 0;
    for (auto now = 0ms; now < 5s; now += 100ms) {
        told += t.note(total += 100, at(now), limit(10, 10s));
    }
    CHECK(told == 5);
}

TEST_CASE("counters that begin anew are another server's") {
    error_tally t;
    auto const l = limit(10, 10s);
    CHECK_FALSE(t.note(5, at(0s), l));
    CHECK_FALSE(t.note(0, at(1s), l));
    CHECK_FALSE(t.note(9, at(2s), l));
    CHECK(t.note(10, at(3s), l));
}

TEST_CASE("servers that are up are watched, and only in services that want it") {
    error_watch w;
    std::vector<balance::virtual_service> services{observed(balance::mode::http, 10)};
    w.configure(services, std::vector{state("one", health::up), state("two", health::down)});
    CHECK_FALSE(w.empty());
    std::vector<balance::server_errors> const before{{{"web", "one"}, 0}, {{"web", "two"}, 0}, {{"other", "one"}, 0}};
    std::vector<balance::server_errors> const after{{{"web", "one"}, 10}, {{"web", "two"}, 10}, {{"other", "one"}, 10}};
    CHECK(w.look(before, at(0s)).empty());
    auto const told = w.look(after, at(1s));
    REQUIRE(told.size() == 1);
    CHECK(told[0].key == balance::server_key{"web", "one"});
    CHECK(told[0].reason == "10 errors of clients' requests within 10 s");
    CHECK_FALSE(told[0].take_down);

    services[0].observe.reset();
    w.configure(services, {});
    CHECK(w.empty());
}

TEST_CASE("errors of a server that was down do not count when it is back") {
    error_watch w;
    auto const services = std::vector{observed(balance::mode::tcp, 1)};
    auto const in = [&](health h) { w.configure(services, std::vector{state("one", h)}); };
    auto const look = [&](std::uint64_t total, std::chrono::milliseconds now) {
        return w.look(std::vector<balance::server_errors>{{{"web", "one"}, total}}, at(now));
    };
    in(health::up);
    CHECK(look(0, 0s).empty());
    in(health::up); // as before: goes on
    auto const told = look(1, 1s);
    REQUIRE(told.size() == 1);
    CHECK(told[0].reason == "1 error of clients' connections within 10 s");
    in(health::down);
    CHECK(look(7, 3s).empty());
    in(health::up);
    CHECK(look(7, 5s).empty());
    CHECK(look(8, 6s).size() == 1);
}
