// SPDX-License-Identifier: Apache-2.0
#include "run.hpp"

#include <catch2/catch.hpp>

TEST_CASE("the same seed gives the same run") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        auto const first = sim::run(seed, 20, nullptr, sim::world::detail::nothing);
        std::string trace;
        auto const again = sim::run(seed, 20, &trace, sim::world::detail::datagrams); // watching changes nothing
        CHECK(first.hash == again.hash);
        CHECK(first.covered.steps == again.covered.steps);
        CHECK(trace.size() > 1000);
    }
}

TEST_CASE("different seeds give different runs") {
    CHECK(sim::run(1, 20, nullptr, sim::world::detail::nothing).hash !=
          sim::run(2, 20, nullptr, sim::world::detail::nothing).hash);
}

TEST_CASE("the dice are those of the published generator") {
    // xoshiro256** after splitmix64(0), computed with the authors' C code.
    sim::random dice(0);
    CHECK(dice.next() == 0x99ec5f36cb75f2b4U);
    CHECK(dice.next() == 0xbf6e1f784956452aU);
}
