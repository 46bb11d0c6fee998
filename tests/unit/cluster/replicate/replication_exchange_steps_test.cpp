// SPDX-License-Identifier: Apache-2.0
// Single steps of an exchange whose effects take their time, in orders that the driver of today does not produce.
#include "exchange_pair.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using test::id_of;
using namespace cluster;
using namespace cluster::replicate;

namespace {

constexpr time_point start{};

std::vector<action> step(exchange& x, event const& e, time_point now = start) {
    std::vector<action> out;
    x.step(now, e, out);
    return out;
}

bool says(std::vector<action> const& actions, verb what) {
    return std::any_of(actions.begin(), actions.end(), [&](action const& a) {
        auto const* said = std::get_if<say>(&a);
        return said && said->what == what;
    });
}

template <class T>
bool has(std::vector<action> const& actions) {
    return std::any_of(actions.begin(), actions.end(), [](action const& a) { return std::holds_alternative<T>(a); });
}

} // namespace

TEST_CASE("a commit that comes before the generation is on the disk, or names another, is refused") {
    exchange x({node_id::secondary, milliseconds{5000}, id_of(1)});
    step(x, peer_greeted{id_of(1)});
    CHECK(has<stage>(step(x, heard{verb::prepare, id_of(2), {}})));
    auto const early = step(x, heard{verb::commit, id_of(2), {}});
    CHECK_FALSE(has<commit_staged>(early));
    CHECK(says(early, verb::refused));

    CHECK(says(step(x, stage_done{id_of(2), std::nullopt}), verb::prepared));
    CHECK_FALSE(has<commit_staged>(step(x, heard{verb::commit, id_of(2, 1), {}})));
    CHECK(has<commit_staged>(step(x, heard{verb::commit, id_of(2), {}})));
}

TEST_CASE("a peer that comes while we apply alone gets the generation afterwards") {
    exchange x({node_id::primary, milliseconds{5000}, id_of(1)});
    CHECK(has<stage>(step(x, apply_requested{id_of(2)})));
    CHECK_FALSE(says(step(x, peer_greeted{id_of(1)}), verb::prepare));
    CHECK(has<commit_staged>(step(x, stage_done{id_of(2), std::nullopt})));
    auto const done = step(x, commit_done{id_of(2), std::nullopt});
    CHECK(has<answer_apply>(done));
    CHECK(says(done, verb::prepare));
}

TEST_CASE("an apply of the secondary that is committed already does not yield") {
    exchange x({node_id::secondary, milliseconds{5000}, id_of(1)});
    step(x, peer_greeted{id_of(1)});
    step(x, apply_requested{id_of(2)});
    step(x, stage_done{id_of(2), std::nullopt});
    step(x, heard{verb::prepared, id_of(2), {}});
    step(x, commit_done{id_of(2), std::nullopt});
    auto const actions = step(x, heard{verb::prepare, id_of(3), {}});
    CHECK(says(actions, verb::refused));
    CHECK_FALSE(has<answer_apply>(actions));
}

TEST_CASE("a timer that comes early changes nothing") {
    exchange x({node_id::primary, milliseconds{5000}, id_of(1)});
    step(x, peer_greeted{id_of(1)});
    step(x, apply_requested{id_of(2)});
    REQUIRE(x.deadline() == start + milliseconds{5000});
    CHECK(step(x, timer_expired{}, start + milliseconds{4999}).empty());
    CHECK(has<answer_apply>(step(x, timer_expired{}, start + milliseconds{5000})));
}

TEST_CASE("answers to what was not asked change nothing") {
    exchange x({node_id::primary, milliseconds{5000}, id_of(1)});
    CHECK(step(x, heard{verb::prepare, id_of(2), {}}).empty()); // before the greeting
    step(x, peer_greeted{id_of(1)});
    for (auto what : {verb::prepared, verb::refused, verb::committed, verb::abandon})
        CHECK(step(x, heard{what, id_of(2), {}}).empty());
    CHECK(step(x, stage_done{id_of(2), std::nullopt}).empty());
    CHECK(step(x, commit_done{id_of(2), std::nullopt}).empty());
    CHECK(x.own() == id_of(1));
}
