// SPDX-License-Identifier: Apache-2.0
#include "core/rhythm.hpp"

#include <catch2/catch.hpp>

using balance::core::next_start;
using namespace std::chrono_literals;

TEST_CASE("a rhythm keeps its place, is never behind the present, and makes up for nothing", "[rhythm]") {
    struct example {
        char const* what;
        std::chrono::milliseconds started, now, next; // since it was due; the interval is a second
    };
    auto const e = GENERATE(values<example>({
        {"in time", 0ms, 3ms, 1000ms},
        {"a little late", 400ms, 410ms, 1000ms},
        {"took longer than the interval: at once", 2ms, 1500ms, 1500ms},
        {"late, but there is time", 700ms, 710ms, 1000ms},
        {"very late", 2600ms, 2610ms, 3000ms},
        {"very late, to the round", 3000ms, 3000ms, 4000ms},
    }));
    CAPTURE(e.what);
    std::chrono::steady_clock::time_point const due{1h};
    CHECK(next_start(due, due + e.started, due + e.now, 1s) == due + e.next);
}

TEST_CASE("no interval means at once", "[rhythm]") {
    std::chrono::steady_clock::time_point const now{1h};
    CHECK(next_start(now - 1s, now, now, 0s) == now);
}
