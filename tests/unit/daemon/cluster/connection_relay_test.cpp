// SPDX-License-Identifier: Apache-2.0
#include "cluster/connection_relay.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using dyad::sync_backlog;

namespace {

std::vector<std::string> kept(sync_backlog const& b, std::int64_t now_ms) {
    std::vector<std::string> out;
    b.each(now_ms, [&](std::string_view d) { out.emplace_back(d); });
    return out;
}

constexpr std::int64_t minute = 60'000;

} // namespace

TEST_CASE("the backlog plays back in order what is of interest") {
    sync_backlog b;
    b.add("one", 0);
    b.add("two", 10 * minute);
    CHECK(kept(b, 15 * minute) == std::vector<std::string>{"one", "two"});
    CHECK(kept(b, 15 * minute + 1) == std::vector<std::string>{"two"});
    b.add("three", 20 * minute);
    CHECK(b.size() == 2);
    b.forget();
    CHECK(kept(b, 20 * minute).empty());
    b.add("four", 20 * minute);
    CHECK(kept(b, 20 * minute) == std::vector<std::string>{"four"});
}

TEST_CASE("the backlog has a limit, and the oldest goes first") {
    sync_backlog b(10);
    for (auto const* d : {"aaaa", "bbbb", "cccc"}) {
        b.add(d, 0);
    }
    CHECK(kept(b, 0) == std::vector<std::string>{"bbbb", "cccc"});
    b.add(std::string(11, 'x'), 0);
    CHECK(b.size() == 0);
}
