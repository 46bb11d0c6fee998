// SPDX-License-Identifier: Apache-2.0
#include "failover/ownership.hpp"
#include "subject.hpp"

#include <catch2/catch.hpp>

using namespace bench;

TEST_CASE("a peer can take when it is passive, fit, and does not offer itself") {
    node_report const r = says(node_state::passive);
    CHECK(can_take(r));
    CHECK(why_not(r) == refusal::none);

    auto const with = [&](auto change) {
        node_report changed = r;
        change(changed);
        CHECK_FALSE(can_take(changed));
        return why_not(changed);
    };
    CHECK(with([](node_report& x) { x.maintenance = true; }) == refusal::in_maintenance);
    CHECK(with([](node_report& x) { x.service_ok = false; }) == refusal::service_down);
    CHECK(with([](node_report& x) { x.ready = false; }) == refusal::peer_not_ready);
    CHECK(with([](node_report& x) { x.state = node_state::listening; }) == refusal::not_listened);
    CHECK(with([](node_report& x) { x.state = node_state::acquiring; }) == refusal::in_transition);
    CHECK(with([](node_report& x) { x.state = node_state::releasing; }) == refusal::in_transition);
    CHECK(with([](node_report& x) { x.offered = true; }) == refusal::in_transition);
}

TEST_CASE("ping scores count only when both nodes were told to ping") {
    node_report a;
    node_report b;
    b.pings_configured = b.pings_answering = 2;
    CHECK_FALSE(worse_connected(a, b));
    a.pings_configured = 2;
    CHECK(worse_connected(a, b));
    CHECK_FALSE(worse_connected(b, a));
    a.pings_answering = 2;
    CHECK_FALSE(worse_connected(a, b)); // equal never moves
}

TEST_CASE("a node is cut off when every ping node it was told of is silent") {
    node_report r;
    CHECK_FALSE(cut_off(r));
    r.pings_configured = 2;
    CHECK(cut_off(r));
    r.pings_answering = 1;
    CHECK_FALSE(cut_off(r));
}
