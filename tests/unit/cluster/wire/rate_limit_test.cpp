// SPDX-License-Identifier: Apache-2.0
#include "wire/rate_limit.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using cluster::wire::rate_limit;

TEST_CASE("a burst goes through at once, then one per interval") {
    rate_limit limit{10ms, 3};
    rate_limit::time_point const t{100s};
    CHECK(limit.take(t));
    CHECK(limit.take(t));
    CHECK(limit.take(t));
    CHECK_FALSE(limit.take(t));
    CHECK(limit.next() == t + 10ms);
    CHECK_FALSE(limit.take(t + 9ms));
    CHECK(limit.take(t + 10ms));
    CHECK_FALSE(limit.take(t + 10ms));
}

TEST_CASE("a long pause saves up no more than the burst") {
    rate_limit limit{10ms, 2};
    rate_limit::time_point const t{100s};
    CHECK(limit.take(t));
    int passed = 0;
    for (int i = 0; i < 10; ++i) {
        passed += limit.take(t + 1h) ? 1 : 0;
    }
    CHECK(passed == 2);
}
