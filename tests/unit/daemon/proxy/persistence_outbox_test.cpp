// SPDX-License-Identifier: Apache-2.0
#include "proxy/persistence_outbox.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

using namespace dyad;

TEST_CASE("the outbox says when it begins to fill, and keeps the order") {
    persistence_outbox box;
    balance::persistence_entry e;
    CHECK_FALSE(box.add({}));
    e.sequence = 1;
    CHECK(box.add({&e, 1}));
    e.sequence = 2;
    CHECK_FALSE(box.add({&e, 1}));
    auto const taken = box.take();
    REQUIRE(taken.size() == 2);
    CHECK(taken[0].sequence == 1);
    CHECK(taken[1].sequence == 2);
    CHECK(box.take().empty());
    CHECK(box.add({&e, 1}));
}

TEST_CASE("nothing is lost between threads") {
    persistence_outbox box;
    std::atomic<int> wakes{0};
    auto const fill = [&] {
        balance::persistence_entry const e;
        for (int i = 0; i < 1000; ++i) {
            wakes += box.add({&e, 1}) ? 1 : 0;
        }
    };
    std::thread one(fill);
    std::thread two(fill);
    std::size_t taken = 0;
    int emptied = 0;
    while (taken < 2000) {
        auto const some = box.take().size();
        taken += some;
        emptied += some > 0 ? 1 : 0;
    }
    one.join();
    two.join();
    CHECK(wakes == emptied);
}
