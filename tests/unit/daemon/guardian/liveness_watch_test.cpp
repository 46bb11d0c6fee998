// SPDX-License-Identifier: Apache-2.0
#include "guardian/liveness_watch.hpp"

#include <catch2/catch.hpp>

using dyad::liveness_watch;
using namespace std::chrono_literals;

namespace {

/// A guardian that checks on time and a heartbeat thread, in virtual time.
struct pair {
    pair() { watch.set_deadtime(500ms); }

    bool check_after(liveness_watch::nanoseconds wait, bool child_lives) {
        now += wait;
        if (child_lives) {
            beat();
        }
        return watch.stalled(now, word);
    }
    void beat() { word = static_cast<std::uint64_t>(now.count()); }

    liveness_watch watch;
    liveness_watch::nanoseconds now = 1000s;
    std::uint64_t word = 0;
};

} // namespace

TEST_CASE("a living child is left alone") {
    pair p;
    for (int i = 0; i < 1000; ++i) {
        CHECK_FALSE(p.check_after(50ms, true));
    }
}

TEST_CASE("a child that stands still is found within 0.6 deadtimes and one check") {
    pair p;
    p.check_after(50ms, true);
    p.check_after(50ms, true);
    int checks = 0;
    while (!p.check_after(50ms, false)) {
        REQUIRE(++checks < 100);
    }
    CHECK(checks == 6); // still good at 300 ms, found at 350 ms
}

TEST_CASE("a deadtime of milliseconds does not make the guardian take a busy machine for a dead child") {
    pair p;
    p.watch.set_deadtime(20ms);
    p.check_after(2ms, true);
    p.check_after(2ms, true);
    int checks = 0;
    while (!p.check_after(2ms, false)) {
        REQUIRE(++checks < 100);
    }
    CHECK(checks == 50); // still good at 100 ms, found at 102 ms
}

TEST_CASE("a stall of the guardian is not taken for the child's") {
    pair p;
    p.check_after(50ms, true);
    p.check_after(50ms, true);
    SECTION("the child lives: it gets an interval to show it") {
        CHECK_FALSE(p.check_after(10s, false));
        CHECK_FALSE(p.check_after(50ms, true));
    }
    SECTION("the child is dead: the next check says so") {
        CHECK_FALSE(p.check_after(10s, false));
        CHECK(p.check_after(50ms, false));
    }
}

TEST_CASE("checks a little late still count") {
    pair p;
    p.check_after(50ms, true);
    bool found = false;
    for (int i = 0; i < 5; ++i) {
        found = found || p.check_after(100ms, false);
    }
    CHECK(found);
}

TEST_CASE("nothing is watched before the thread has begun and the deadtime is known") {
    pair p;
    for (int i = 0; i < 100; ++i) {
        CHECK_FALSE(p.check_after(50ms, false)); // the word is 0
    }
    p.beat();
    p.watch.forget();
    CHECK_FALSE(p.watch.watching());
    for (int i = 0; i < 1000; ++i) {
        CHECK_FALSE(p.check_after(1ms, false));
    }
}

TEST_CASE("the interval is a tenth of the deadtime, never less than a millisecond") {
    liveness_watch w;
    w.set_deadtime(500ms);
    CHECK(w.interval() == 50ms);
    w.set_deadtime(20ms);
    CHECK(w.interval() == 2ms);
    w.set_deadtime(3ms);
    CHECK(w.interval() == 1ms);
}
