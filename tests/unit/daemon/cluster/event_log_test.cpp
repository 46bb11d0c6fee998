// SPDX-License-Identifier: Apache-2.0
#include "cluster/event_log.hpp"

#include <catch2/catch.hpp>
#include <spdlog/spdlog.h>

TEST_CASE("events are numbered, and asked for from a number on") {
    spdlog::set_level(spdlog::level::off);
    dyad::event_log log;
    log.add("state", "passive -> active");
    log.add("operator", "drain", "uid 0 (root)");
    CHECK(log.last() == 2);
    auto const later = log.after(1);
    REQUIRE(later.size() == 1);
    CHECK(later.front().text == "drain");
    CHECK(later.front().who == "uid 0 (root)");
    CHECK(later.front().time.size() == std::string("2026-11-21T20:30:00.123Z").size());
}

TEST_CASE("who waits is woken once by the next event, at once when there is one") {
    spdlog::set_level(spdlog::level::off);
    dyad::event_log log;
    int woken = 0;
    log.when_after(0, [&] { ++woken; });
    CHECK(woken == 0);
    log.add("link", "data is down");
    log.add("link", "data is up");
    CHECK(woken == 1);
    log.when_after(1, [&] { ++woken; });
    CHECK(woken == 2);
}

TEST_CASE("only the newest events are kept") {
    spdlog::set_level(spdlog::level::off);
    dyad::event_log log;
    for (std::size_t i = 0; i < dyad::event_log::capacity + 10; ++i) {
        log.add("health", std::to_string(i));
    }
    auto const all = log.after(0);
    CHECK(all.size() == dyad::event_log::capacity);
    CHECK(all.front().id == 11);
}
