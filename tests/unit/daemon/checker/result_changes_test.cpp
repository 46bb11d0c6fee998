// SPDX-License-Identifier: Apache-2.0
#include "checker/result_changes.hpp"

#include <catch2/catch.hpp>

using namespace dyad;
using balance::milliseconds;

namespace {

balance::health_snapshot entry(std::string server, balance::health h, std::string reason, int latency = 1,
                               int age = 0) {
    return {{"EA", std::move(server)},
            h,
            {h == balance::health::up, std::move(reason), milliseconds(latency)},
            milliseconds(age),
            milliseconds(age)};
}

auto const up = balance::health::up;
auto const down = balance::health::down;

} // namespace

TEST_CASE("all is told once, then what changed") {
    result_changes r;
    CHECK(r.pick(std::vector{entry("a", up, "200 OK"), entry("b", up, "200 OK")}, false).size() == 2);
    CHECK(r.pick(std::vector{entry("a", up, "200 OK", 1, 500), entry("b", up, "200 OK", 1, 500)}, false).empty());
    auto const changed = r.pick(std::vector{entry("a", up, "200 OK"), entry("b", up, "503")}, false);
    REQUIRE(changed.size() == 1);
    CHECK(changed[0].key.server == "b");
    CHECK(changed[0].last.reason == "503");
    CHECK(r.pick(std::vector{entry("a", down, "200 OK"), entry("b", up, "503")}, false).size() == 1);
}

TEST_CASE("a latency alone is told when it is asked for") {
    result_changes r;
    r.pick(std::vector{entry("a", up, "200 OK", 1)}, false);
    CHECK(r.pick(std::vector{entry("a", up, "200 OK", 2)}, false).empty());
    CHECK(r.pick(std::vector{entry("a", up, "200 OK", 2)}, true).size() == 1);
    CHECK(r.pick(std::vector{entry("a", up, "200 OK", 2)}, true).empty());
}

TEST_CASE("a server that went and came back is told anew, and so is everything to a new listener") {
    result_changes r;
    auto const a = std::vector{entry("a", up, "200 OK")};
    r.pick(a, false);
    CHECK(r.pick(std::vector<balance::health_snapshot>{}, false).empty());
    CHECK(r.pick(a, false).size() == 1);
    r.forget();
    CHECK(r.pick(a, false).size() == 1);
}
