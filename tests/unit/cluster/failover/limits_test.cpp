// SPDX-License-Identifier: Apache-2.0
#include "failover/limits.hpp"

#include <catch2/catch.hpp>

using namespace cluster;
using failover::limits;
using std::chrono::microseconds;

TEST_CASE("durations follow from the default timing") {
    limits const l{timing{}};
    CHECK(l.resend == milliseconds(25));
    CHECK(l.settle == milliseconds(200));
    CHECK(l.offer == milliseconds(1000));
    CHECK(l.pause == milliseconds(1000));
    CHECK(l.inferior == milliseconds(1000));
}

TEST_CASE("durations follow from the fastest timing") {
    timing t;
    t.keepalive = milliseconds(5);
    t.deadtime = milliseconds(20);
    limits const l{t};
    CHECK(l.resend == microseconds(1250));
    CHECK(l.settle == milliseconds(10));
    CHECK(l.offer == milliseconds(300));
    CHECK(l.pause == milliseconds(40));
    CHECK(l.inferior == milliseconds(1000));
    t.keepalive = milliseconds(1);
    CHECK(limits{t}.resend == milliseconds(1));
}

TEST_CASE("an offer outlives what a peer may have slept through, and an operator's patience outlives the offer") {
    timing t;
    t.keepalive = milliseconds(10);
    t.deadtime = milliseconds(2000);
    CHECK(limits{t}.offer == milliseconds(2020));
    t.keepalive = milliseconds(1000);
    t.deadtime = milliseconds(10000);
    CHECK(limits{t}.offer == milliseconds(3500));
    CHECK(limits{t}.inferior == milliseconds(10000));
}
