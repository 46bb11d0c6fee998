// SPDX-License-Identifier: Apache-2.0
#include "failover/link_monitor.hpp"
#include "subject.hpp"

#include <catch2/catch.hpp>

using namespace bench;

static time_point at(double ms) { return subject::point(ms); }

TEST_CASE("silence is counted from the last heartbeat on any link") {
    link_monitor m(2, at(0));
    CHECK(m.silent_since() == at(0));
    m.heard(0, at(10));
    m.heard(1, at(15));
    CHECK(m.silent_since() == at(15));
    CHECK(m.links()[0].last_heard == at(10));
}

TEST_CASE("a link comes up once") {
    link_monitor m(2, at(0));
    CHECK(m.heard(1, at(1)));
    CHECK_FALSE(m.heard(1, at(2)));
    m.silence(1);
    CHECK(m.heard(1, at(3)));
}

TEST_CASE("a link that does not exist counts as life and nothing else") {
    link_monitor m(1, at(0));
    CHECK_FALSE(m.heard(7, at(5)));
    CHECK(m.silent_since() == at(5));
    CHECK_FALSE(m.set_usable(7, false));
}

TEST_CASE("an interface that changes to what it was is no news") {
    link_monitor m(1, at(0));
    CHECK_FALSE(m.set_usable(0, true));
    CHECK(m.set_usable(0, false));
    CHECK_FALSE(m.set_usable(0, false));
}

TEST_CASE("nothing could be heard while this node was asleep") {
    link_monitor m(1, at(0));
    m.heard(0, at(10));
    m.was_deaf(at(1000));
    CHECK(m.silent_since() == at(1000));
    CHECK(m.links()[0].last_heard == at(1000));
}
