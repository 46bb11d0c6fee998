// SPDX-License-Identifier: Apache-2.0
#include "log/repeat_filter.hpp"

#include <catch2/catch.hpp>

using dyad::log::repeat_filter;
using namespace std::chrono_literals;

TEST_CASE("a text passes ten times in ten seconds, then waits and is counted") {
    repeat_filter f;
    repeat_filter::time_point now{1000s};
    int passed = 0;
    for (int i = 0; i < 1000; ++i) {
        passed += f.admit(now += 1ms, "lost").passes ? 1 : 0;
    }
    CHECK(passed == 10);
    auto const next = f.admit(now + 10s, "lost");
    CHECK(next.passes);
    CHECK(next.skipped == 990);
    CHECK(f.admit(now + 11s, "lost").skipped == 0);
}

TEST_CASE("other texts are not held back") {
    repeat_filter f;
    repeat_filter::time_point const now{1000s};
    for (int i = 0; i < 100; ++i) {
        f.admit(now, "lost");
    }
    CHECK_FALSE(f.admit(now, "lost").passes);
    CHECK(f.admit(now, "found").passes);
}

TEST_CASE("a clock set back holds nothing back for long") {
    repeat_filter f;
    for (int i = 0; i < 100; ++i) {
        f.admit(repeat_filter::time_point{1000s}, "lost");
    }
    CHECK(f.admit(repeat_filter::time_point{10s}, "lost").passes);
}

TEST_CASE("any number of different texts passes, and repetition is found again after them") {
    repeat_filter f;
    repeat_filter::time_point const now{1000s};
    for (int i = 0; i < 10'000; ++i) {
        CHECK(f.admit(now, std::to_string(i)).passes);
    }
    int passed = 0;
    for (int i = 0; i < 100; ++i) {
        passed += f.admit(now, "lost").passes ? 1 : 0;
    }
    CHECK(passed == 10);
}
