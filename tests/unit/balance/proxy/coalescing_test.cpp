// SPDX-License-Identifier: Apache-2.0
#include "proxy/coalescing.hpp"

#include <catch2/catch.hpp>

using balance::layer7::coalescing;
using namespace std::chrono_literals;

namespace {

/// Whether a loop rests at the end of so many milliseconds with so many batches in each, and so many events in each batch.
bool rests(coalescing& load, coalescing::clock::time_point& now, int milliseconds, int batches, std::size_t events) {
    bool out = false;
    for (int i = 0; i < milliseconds; ++i) {
        now += 1ms;
        for (int batch = 0; batch < batches; ++batch)
            out = load.rest_after(events, now);
    }
    return out;
}

} // namespace

TEST_CASE("events gather while many come, a few at a time", "[proxy]") {
    coalescing load;
    coalescing::clock::time_point now(1h);
    CHECK_FALSE(load.rest_after(1, now)); // the first, which no time preceded
    CHECK_FALSE(rests(load, now, 20, 29, 1));
    CHECK(rests(load, now, 20, 30, 1));
    CHECK(rests(load, now, 20, 4, 15));
    CHECK_FALSE(rests(load, now, 20, 4, coalescing::enough));
}

TEST_CASE("an event that comes after a quiet time does not wait", "[proxy]") {
    coalescing load;
    coalescing::clock::time_point now(1h);
    CHECK(rests(load, now, 20, 50, 1));
    now += 1s;
    CHECK_FALSE(load.rest_after(coalescing::enough - 1, now));
    now += 1ms;
    CHECK_FALSE(load.rest_after(1, now));
}

TEST_CASE("a clock that stands still for some milliseconds shows the load no less", "[proxy]") {
    coalescing load;
    coalescing::clock::time_point now(1h);
    for (int tick = 0; tick < 5; ++tick) {
        now += 10ms;
        for (int i = 0; i < 400; ++i)
            (void)load.rest_after(1, now);
    }
    CHECK(load.rest_after(1, now));
    CHECK(load.rest_after(0, now));
}
