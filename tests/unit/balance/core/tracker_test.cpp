// SPDX-License-Identifier: Apache-2.0
#include "core/tracker.hpp"

#include <catch2/catch.hpp>

using balance::health;
using balance::core::health_tracker;

namespace {

/// Feeds '+' and '-' and returns the states: 'U'p, 'D'own or '?', in capitals where the call reported a change.
std::string trace(health_tracker t, std::string const& results) {
    std::string states;
    for (char const r : results) {
        bool const changed = t.report(r == '+');
        states += t.state() == health::up     ? (changed ? 'U' : 'u')
                  : t.state() == health::down ? (changed ? 'D' : 'd')
                                              : '?';
    }
    return states;
}

} // namespace

TEST_CASE("the first result of an unknown server decides at once", "[tracker]") {
    CHECK(trace({3, 3}, "+") == "U");
    CHECK(trace({3, 3}, "-") == "D");
}

TEST_CASE("rise and fall count results in a row", "[tracker]") {
    CHECK(trace({2, 3}, "+--") == "Uuu");
    CHECK(trace({2, 3}, "+---") == "UuuD");
    CHECK(trace({2, 3}, "+--+--+---") == "UuuuuuuuuD");
    CHECK(trace({2, 3}, "-+-++") == "DdddU");
    CHECK(trace({2, 3}, "---+++---") == "DdddUuuuD");
}

TEST_CASE("rise and fall of one, or none, turn with every result", "[tracker]") {
    CHECK(trace({1, 1}, "+-+-") == "UDUD");
    CHECK(trace({0, 0}, "+-+-") == "UDUD");
}

TEST_CASE("a seeded state is not turned by one odd result", "[tracker]") {
    CHECK(trace({2, 2, health::up}, "-") == "u");
    CHECK(trace({2, 2, health::up}, "--") == "uD");
    CHECK(trace({2, 2, health::down}, "++") == "dU");
    CHECK(trace({2, 2, health::up}, "+") == "u");
}

TEST_CASE("the largest thresholds are reached exactly", "[tracker]") {
    health_tracker t(65535, 65535, health::up);
    for (int i = 0; i < 65534; ++i)
        REQUIRE_FALSE(t.report(false));
    CHECK(t.contradictions() == 65534);
    CHECK(t.report(false));
    CHECK(t.state() == health::down);
    CHECK(t.contradictions() == 0);
}

TEST_CASE("what somebody else found out counts only where nothing is known", "[tracker]") {
    health_tracker t(2, 2);
    CHECK_FALSE(t.seed(health::unknown));
    CHECK(t.seed(health::down));
    CHECK(t.state() == health::down);
    CHECK_FALSE(t.seed(health::up));
    CHECK_FALSE(t.report(true));
    CHECK(t.report(true));
    CHECK(t.state() == health::up);
}

TEST_CASE("a server that is taken down at once needs its successes anew", "[tracker]") {
    health_tracker t(2, 3, health::up);
    t.report(false);
    CHECK(t.take_down());
    CHECK(t.state() == health::down);
    CHECK(t.contradictions() == 0);
    CHECK_FALSE(t.take_down());
    CHECK_FALSE(t.report(true));
    CHECK(t.report(true));
}
