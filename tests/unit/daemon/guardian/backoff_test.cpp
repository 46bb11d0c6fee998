// SPDX-License-Identifier: Apache-2.0
#include "guardian/backoff.hpp"

#include <catch2/catch.hpp>

#include <vector>

using dyad::backoff;
using namespace std::chrono_literals;

TEST_CASE("the first restart is at once, later ones wait longer and longer") {
    backoff b;
    std::vector<backoff::milliseconds> waits;
    for (int i = 0; i < 10; ++i) {
        waits.push_back(b.after_life_of(10ms));
    }
    CHECK(waits ==
          std::vector<backoff::milliseconds>{0ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5000ms, 5000ms, 5000ms});
    CHECK(b.quick_deaths() == 10);
}

TEST_CASE("the wait never exceeds its limit, however often a process dies") {
    backoff b;
    for (int i = 0; i < 1000; ++i) {
        b.after_life_of(0ms);
    }
    CHECK(b.after_life_of(0ms) == backoff::longest);
}

TEST_CASE("a process that lived a minute is forgiven") {
    backoff b;
    b.after_life_of(1ms);
    b.after_life_of(1ms);
    b.after_life_of(1ms);
    CHECK(b.after_life_of(59'999ms) == 400ms);
    CHECK(b.after_life_of(60s) == 0ms);
    CHECK(b.quick_deaths() == 1);
    CHECK(b.after_life_of(1ms) == 100ms);
}
