// SPDX-License-Identifier: Apache-2.0
// docs/FAILOVER.md, "Listening" and "Asleep".
#include "subject.hpp"

#include <catch2/catch.hpp>

using namespace bench;

TEST_CASE("a node that starts says so and listens for initdead") {
    subject x(node_id::primary);
    CHECK(x.timer(0) == lines{"beat listening 0/none"});
    CHECK(x.at(0, fit) == lines{"beat listening 0/none"});
    CHECK(x.news(4999.9).empty());
    CHECK(x.state() == node_state::listening);
    CHECK(x.news(5000) ==
          lines{"listening -> passive", "passive -> acquiring", "persist 1/primary", "acquire 1/primary"});
}

TEST_CASE("a node that heard its peer knows enough") {
    subject x(node_id::secondary);
    x.timer(0);
    CHECK(x.hears(20, says(node_state::active, {3, node_id::primary})) ==
          lines{"link 0 up", "peer alive", "persist 3/primary", "listening -> passive", "beat passive 3/primary"});
    CHECK(x.at(30, fit) == lines{"beat passive 3/primary"});
}

TEST_CASE("a peer that says goodbye while nobody was heard yet is not waited for") {
    subject x(node_id::secondary);
    x.timer(0);
    x.at(1, fit);
    CHECK(x.at(20, goodbye_received{}) == lines{"listening -> passive", "passive -> acquiring", "persist 1/secondary",
                                                "acquire 1/secondary", "beat acquiring 1/secondary"});
}

TEST_CASE("a node without a peer listens to nobody") {
    for (auto const& [self, links] : {std::pair{node_id::none, std::size_t{0}},
                                      {node_id::primary, std::size_t{0}},
                                      {node_id::none, std::size_t{2}}}) {
        subject x(self, links);
        CHECK(x.timer(0) == lines{"listening -> passive"});
        std::string const mine = text(epoch{1, self});
        CHECK(x.at(1, fit) == lines{"passive -> acquiring", "persist " + mine, "acquire " + mine});
        CHECK(x.at(2, addresses_acquired{true}) == lines{"acquiring -> active", "announce"});
        CHECK(x.pass(1000) == lines{"refresh"}); // and no heartbeats
    }
}

TEST_CASE("nothing is taken before the node is ready, reachable and out of maintenance") {
    machine_settings s;
    s.self = node_id::none;
    s.maintenance = true;
    subject x(s);
    x.timer(0);
    CHECK(x.at(1, local_health{.ready = true}).empty());
    CHECK(x.at(2, local_health{.service_ok = true}).empty());
    CHECK(x.at(3, fit).empty());
    CHECK(x.asks(4, request::maintenance_off) == lines{"persist 0/none", "maintenance", "answer 7: done",
                                                       "passive -> acquiring", "persist 1/none", "acquire 1/none"});
}

TEST_CASE("an owner that was asleep lets go at once, says nothing of owning, and listens") {
    subject x(node_id::primary);
    x.active();
    for (double ms = 50; ms <= 1000; ms += 50) {
        x.pass(ms);
        x.hears(ms, says(node_state::passive, {1, node_id::primary}));
    }
    CHECK(x.timer(11000) == lines{"was asleep", "active -> releasing", "release", "beat releasing 1/primary"});
    CHECK(x.at(11001, addresses_released{true}) == lines{"releasing -> listening", "beat listening 1/primary"});
    SECTION("the peer took over") {
        CHECK(x.hears(11050, says(node_state::active, {2, node_id::secondary})) ==
              lines{"persist 2/secondary", "beat listening 2/secondary"});
        CHECK(x.news(11199).empty());
        CHECK(x.news(11200) == lines{"listening -> passive"});
        x.hears(11201, says(node_state::active, {2, node_id::secondary}));
        CHECK(x.news(11400).empty());
    }
    SECTION("what it finds in its buffers may be old") {
        x.hears(11001, says(node_state::passive, {1, node_id::primary}));
        CHECK(x.news(11199).empty());
    }
    SECTION("nobody is there") {
        CHECK(x.news(11499) == lines{"peer late"});
        CHECK(x.news(11500) == lines{"link 0 down", "peer dead", "listening -> passive", "passive -> acquiring",
                                     "persist 2/primary", "acquire 2/primary"});
    }
}

TEST_CASE("a passive node that was asleep listens too") {
    subject x(node_id::secondary);
    x.beside_active();
    x.pass(100);
    CHECK(x.timer(800) == lines{"was asleep", "passive -> listening", "beat listening 5/primary"});
    CHECK(x.news(1299) == lines{"peer late"});
    CHECK(x.state() == node_state::listening);
}

TEST_CASE("asleep means more than deadtime late, for any event") {
    subject x(node_id::secondary);
    x.beside_active();
    double const due = x.deadline();
    SECTION("not yet") { CHECK(x.at(due + 500, link_changed{0, true}).empty()); }
    SECTION("just so") { CHECK(x.at(due + 500.1, link_changed{0, true}).at(0) == "was asleep"); }
}

TEST_CASE("initdead stays in force for a node that slept before it ever heard its peer") {
    subject x(node_id::primary);
    x.timer(0);
    x.at(0, fit);
    CHECK(x.timer(2000) == lines{"was asleep", "beat listening 0/none"});
    CHECK(x.news(4999).empty());
    CHECK(x.news(5000).size() == 4);
}
