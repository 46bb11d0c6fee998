// SPDX-License-Identifier: Apache-2.0
#include "proxy/persistence_outbox.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

using namespace dyad;

namespace {

balance::persistence_entry entry(std::uint64_t sequence) { return {"dicom", {}, "pacs1", sequence, balance::milliseconds(1000)}; }

std::size_t taken_from(persistence_outbox& box) { return balance::read_persistence(box.take()).value().size(); }

} // namespace

TEST_CASE("the outbox says when it begins to fill, and keeps the order") {
    persistence_outbox box;
    auto const first = entry(1);
    auto const second = entry(2);
    CHECK_FALSE(box.add({}));
    CHECK(box.add({&first, 1}));
    CHECK_FALSE(box.add({&second, 1}));
    auto const bytes = box.take();
    auto const taken = balance::read_persistence(bytes).value();
    REQUIRE(taken.size() == 2);
    CHECK(taken[0].sequence == 1);
    CHECK(taken[1].sequence == 2);
    CHECK(box.take().empty());
    CHECK(box.add({&first, 1}));
}

TEST_CASE("nothing is lost between threads") {
    persistence_outbox box;
    std::atomic<int> wakes{0};
    auto const fill = [&] {
        auto const e = entry(1);
        for (int i = 0; i < 1000; ++i) {
            wakes += box.add({&e, 1}) ? 1 : 0;
        }
    };
    std::thread one(fill);
    std::thread two(fill);
    std::size_t taken = 0;
    int emptied = 0;
    while (taken < 2000) {
        auto const some = taken_from(box);
        taken += some;
        emptied += some > 0 ? 1 : 0;
    }
    one.join();
    two.join();
    CHECK(wakes == emptied);
}
