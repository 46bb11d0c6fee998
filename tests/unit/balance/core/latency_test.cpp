// SPDX-License-Identifier: Apache-2.0
#include "core/latency.hpp"

#include <catch2/catch.hpp>

using namespace balance::core::latency;
using namespace std::chrono_literals;

TEST_CASE("lengths fall into classes that follow one another without a gap") {
    for (std::size_t i = 0; i + 1 < classes; ++i) {
        CHECK(class_of(longest_of(i)) == i);
        CHECK(class_of(longest_of(i) + 1us) == i + 1);
    }
    CHECK(class_of(-5us) == 0);
    CHECK(class_of(24h) == classes - 1);
    CHECK(longest_of(classes - 1) > 1h);
    for (auto const length : {100us, 1'000us, 77'777us, 5'000'000us}) {
        auto const longest = longest_of(class_of(length));
        CHECK(longest >= length);
        CHECK(longest.count() <= length.count() * 5 / 4);
    }
}

TEST_CASE("percentiles") {
    std::array<std::uint64_t, classes> counts{};
    CHECK(percentiles_of(counts) == balance::percentiles{});
    counts[class_of(100us)] = 89;
    counts[class_of(10ms)] = 10;
    counts[class_of(1s)] = 1;
    auto const seen = percentiles_of(counts);
    CHECK(seen.count == 100);
    CHECK(seen.p50 == longest_of(class_of(100us)));
    CHECK(seen.p90 == longest_of(class_of(10ms)));
    CHECK(seen.p99 == longest_of(class_of(10ms)));
    counts[class_of(1s)] = 2;
    CHECK(percentiles_of(counts).p99 == longest_of(class_of(1s)));
    std::array<std::uint64_t, classes> one{};
    one[class_of(7us)] = 1;
    CHECK(percentiles_of(one).p50 == percentiles_of(one).p99);
    CHECK(percentiles_of(one).p50 >= 7us);
}
