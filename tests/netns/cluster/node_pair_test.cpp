// SPDX-License-Identifier: Apache-2.0
#include "pair.hpp"

#include <catch2/catch.hpp>

using namespace lab;
using cluster::node_id;
using cluster::node_state;

TEST_CASE("of two nodes one becomes active and has the address, and an operator can move it") {
    machines net;
    player one{net.a, net.settings(node_id::primary)};
    player two{net.b, net.settings(node_id::secondary)};
    INFO("lb1:\n" << one.story() << "lb2:\n" << two.story());
    REQUIRE(eventually([&] { return one.state() == node_state::active || two.state() == node_state::active; }));
    auto& active = one.state() == node_state::active ? one : two;
    auto& passive = &active == &one ? two : one;
    auto const& where_active = &active == &one ? net.a : net.b;
    auto const& where_passive = &active == &one ? net.b : net.a;
    REQUIRE(eventually([&] { return passive.state() == node_state::passive && passive.status().peer_alive; }));
    CHECK(has_address(where_active, "10.9.0.100"));
    CHECK_FALSE(has_address(where_passive, "10.9.0.100"));
    CHECK(passive.status().peer_name == active.status().name);

    CHECK(passive.take_over() == "");
    CHECK(passive.state() == node_state::active);
    CHECK(has_address(where_passive, "10.9.0.100"));
    CHECK_FALSE(has_address(where_active, "10.9.0.100"));
    CHECK(eventually([&] { return active.state() == node_state::passive; }));
}
