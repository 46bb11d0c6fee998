// SPDX-License-Identifier: Apache-2.0
#include "replicate/documents.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace cluster;

TEST_CASE("the newest document wins, then the greater writer, then the greater bytes") {
    replicate::documents held;
    CHECK(held.merge({"d", 5, node_id::primary, "b"}));
    CHECK_FALSE(held.merge({"d", 4, node_id::secondary, "z"}));
    CHECK_FALSE(held.merge({"d", 5, node_id::primary, "b"}));
    CHECK_FALSE(held.merge({"d", 5, node_id::primary, "a"}));
    CHECK(held.merge({"d", 5, node_id::primary, "c"}));
    CHECK(held.merge({"d", 5, node_id::secondary, "a"}));
    CHECK(held.merge({"d", 6, node_id::primary, ""}));
    CHECK(held.merge({"other", 1, node_id::primary, ""}));
    CHECK(held.all() == std::vector<shared_document>{{"d", 6, node_id::primary, ""}, {"other", 1, node_id::primary, ""}});
}

TEST_CASE("documents end the same whatever came in whichever order") {
    std::vector<shared_document> writes{{"d", 1, node_id::primary, "a"},
                                        {"d", 1, node_id::secondary, "b"},
                                        {"d", 2, node_id::primary, "c"},
                                        {"d", 2, node_id::primary, "d"}};
    std::vector<std::size_t> order{0, 1, 2, 3};
    do {
        replicate::documents held;
        for (auto i : order)
            held.merge(writes[i]);
        CHECK(held.all() == std::vector<shared_document>{writes[3]});
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a peer cannot make us hold documents without end") {
    replicate::documents held;
    for (std::size_t i = 0; i < 2 * replicate::documents::max_count; ++i)
        held.merge({"d" + std::to_string(i), 1, node_id::primary, ""});
    CHECK(held.all().size() == replicate::documents::max_count);
    CHECK(held.merge({"d0", 2, node_id::primary, ""})); // those that are known may still change
}
