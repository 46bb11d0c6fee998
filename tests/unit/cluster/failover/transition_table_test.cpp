// SPDX-License-Identifier: Apache-2.0
#include "failover/transition_table.hpp"

#include <catch2/catch.hpp>

#include <string>

using cluster::node_state;
using namespace cluster::failover;

TEST_CASE("the table of transitions is the one of docs/FAILOVER.md") {
    // A row per state it comes from; L P Q A R S: listening passive acquiring active releasing stopped.
    std::string const expected[] = {". P . . . S", "L . Q . . S", ". . . A R .",
                                    ". . . . R .", "L P . . . S", ". . . . . ."};
    std::string const letters = "LPQARS";
    for (std::size_t from = 0; from < state_count; ++from) {
        std::string row;
        for (std::size_t to = 0; to < state_count; ++to) {
            row += to > 0 ? " " : "";
            row += may_become(static_cast<node_state>(from), static_cast<node_state>(to)) ? letters[to] : '.';
        }
        CHECK(row == expected[from]);
    }
}

TEST_CASE("acquiring and active nodes claim the addresses, others do not") {
    CHECK(owns(node_state::acquiring));
    CHECK(owns(node_state::active));
    for (node_state s : {node_state::listening, node_state::passive, node_state::releasing, node_state::stopped})
        CHECK_FALSE(owns(s));
}
