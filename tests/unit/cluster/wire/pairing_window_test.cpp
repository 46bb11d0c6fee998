// SPDX-License-Identifier: Apache-2.0
#include "wire/pairing_window.hpp"

#include <catch2/catch.hpp>

using cluster::wire::pairing_window;
using namespace std::chrono_literals;

namespace {
pairing_window::clock::time_point const opened_at{1000s};
}

TEST_CASE("pairing window: 1,000 attempts get five tries, each later than the one before, and then none") {
    pairing_window window(opened_at, {});
    auto now = opened_at;
    unsigned heard = 0;
    auto last = opened_at;
    for (int attempt = 0; attempt < 1000; ++attempt, now += 10ms) { // a hundred a second
        if (!window.is_open(now) || now < window.not_before()) {
            continue;
        }
        auto const since = now - last;
        CHECK((heard == 0 || since >= 1s * (1 << (heard - 1))));
        last = now;
        window.wrong(now);
        ++heard;
    }
    CHECK(heard == 4); // 0, 1, 3 and 7 s; ten seconds are over before the fifth may come
    for (; window.is_open(now); now += 10ms) {
        if (now >= window.not_before()) {
            window.wrong(now);
            ++heard;
        }
    }
    CHECK(heard == 5);
    CHECK(now - opened_at < 16s);
    for (int attempt = 0; attempt < 1000; ++attempt, now += 1h) {
        CHECK_FALSE(window.is_open(now));
    }
}

TEST_CASE("pairing window: strangers at once wait one behind the other") {
    pairing_window window(opened_at, {});
    CHECK(window.wrong(opened_at) == 1s);
    CHECK(window.wrong(opened_at) == 2s);
    CHECK(window.not_before() == opened_at + 3s);
}

TEST_CASE("pairing window: it closes by itself") {
    pairing_window const window(opened_at, {.life = 10min});
    CHECK(window.is_open(opened_at + 10min - 1ms));
    CHECK_FALSE(window.is_open(opened_at + 10min));
    CHECK(window.closes() == opened_at + 10min);
}
