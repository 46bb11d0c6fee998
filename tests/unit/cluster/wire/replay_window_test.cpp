// SPDX-License-Identifier: Apache-2.0
#include "wire/replay_window.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>

using cluster::wire::replay_window;
using answer = replay_window::answer;

TEST_CASE("a counter is fresh once, in whatever order counters come") {
    replay_window w;
    CHECK(w.look(0) == answer::too_old);
    for (std::uint64_t const c : {1u, 3u, 2u, 70u, 64u, 63u, 65u, 2000u}) {
        INFO(c);
        CHECK(w.look(c) == answer::fresh);
        w.mark(c);
        CHECK(w.look(c) == answer::seen);
    }
    CHECK(w.look(4) == answer::fresh);
    CHECK(w.highest() == 2000);
}

TEST_CASE("what is older than the window is too old to tell") {
    replay_window w;
    w.mark(1);
    w.mark(replay_window::size + 1);
    CHECK(w.look(1) == answer::too_old);
    CHECK(w.look(2) == answer::fresh);
    w.mark(std::uint64_t{1} << 40);
    CHECK(w.look(replay_window::size + 1) == answer::too_old);
    CHECK(w.look((std::uint64_t{1} << 40) - replay_window::size + 1) == answer::fresh);
    CHECK(w.look((std::uint64_t{1} << 40) - replay_window::size) == answer::too_old);
}

TEST_CASE("a window that starts at a counter takes nothing before it") {
    for (std::uint64_t const begin : {1u, 62u, 63u, 64u, 65u, 5000u}) {
        INFO(begin);
        replay_window w{begin};
        CHECK(w.look(begin) == answer::seen);
        CHECK(w.look(begin - 1) != answer::fresh);
        for (std::uint64_t c = begin + 1; c < begin + 3 * replay_window::size; ++c) {
            REQUIRE(w.look(c) == answer::fresh);
            w.mark(c);
            REQUIRE(w.look(c) == answer::seen);
        }
        CHECK(w.look(begin) == answer::too_old);
    }
}

TEST_CASE("the window agrees with a plain set over random jumps") {
    std::mt19937_64 random{7};
    replay_window w;
    std::set<std::uint64_t> seen;
    std::uint64_t highest = 0;
    for (int i = 0; i < 100'000; ++i) {
        auto const spread = random() % 8 == 0 ? 5000u : 100u;
        auto const base = highest > spread ? highest - spread : 0;
        auto const c = base + random() % (2 * spread) + 1;
        auto const expected = c + replay_window::size <= highest ? answer::too_old
                              : seen.contains(c)                 ? answer::seen
                                                                 : answer::fresh;
        REQUIRE(w.look(c) == expected);
        if (expected == answer::fresh) {
            w.mark(c);
            seen.insert(c);
            highest = std::max(highest, c);
        }
    }
}
