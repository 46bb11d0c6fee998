// SPDX-License-Identifier: Apache-2.0
#include "cluster/persistence_copy.hpp"

#include <catch2/catch.hpp>

using balance::milliseconds;

namespace {

balance::persistence_entry entry(int client, std::string server, std::uint64_t sequence, int remaining_ms) {
    auto const address = balance::address(boost::asio::ip::address_v4(static_cast<unsigned>(client)));
    return {"dicom", address, std::move(server), sequence, milliseconds(remaining_ms)};
}

} // namespace

TEST_CASE("the greater sequence wins, whatever comes last") {
    dyad::persistence_copy copy;
    std::vector const fresh{entry(1, "new", 2, 1000)};
    std::vector const stale{entry(1, "old", 1, 1000)};
    copy.merge(fresh, 0);
    copy.merge(stale, 0);
    REQUIRE(copy.all(0).size() == 1);
    CHECK(copy.all(0).front().server == "new");
}

TEST_CASE("an expired entry is not given out, and gives way to any other") {
    dyad::persistence_copy copy;
    std::vector const first{entry(1, "a", 5, 100)};
    copy.merge(first, 0);
    CHECK(copy.all(40).front().remaining == milliseconds(60));
    CHECK(copy.all(100).empty());
    std::vector const later{entry(1, "b", 1, 100)};
    copy.merge(later, 150);
    REQUIRE(copy.all(150).size() == 1);
    CHECK(copy.all(150).front().server == "b");
}

TEST_CASE("beyond the limit those that expire first go") {
    dyad::persistence_copy copy(2);
    std::vector const three{entry(1, "a", 1, 300), entry(2, "b", 1, 100), entry(3, "c", 1, 200)};
    copy.merge(three, 0);
    REQUIRE(copy.size() == 2);
    for (auto const& e : copy.all(0)) {
        CHECK(e.server != "b");
    }
}
