// SPDX-License-Identifier: Apache-2.0
#include "proxy/event_loop.hpp"

#include <catch2/catch.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <vector>

using namespace balance::layer7;

namespace {

/// Says of each event what the loop says of the other one at that moment.
struct twin final : watcher {
    void ready(std::uint32_t) override {
        other_is_next = loop->is_next(*other);
        looks = loop->looks();
        if (++*seen == 2)
            loop->stop();
    }

    event_loop* loop = nullptr;
    twin* other = nullptr;
    int* seen = nullptr;
    bool other_is_next = false;
    std::uint64_t looks = 0;
};

/// Of many descriptors.
struct tally final : watcher {
    void ready(std::uint32_t) override {
        if (++seen == 300)
            loop->stop();
        looks = loop->looks();
    }

    event_loop* loop = nullptr;
    int seen = 0;
    std::uint64_t looks = 0;
};

} // namespace

TEST_CASE("a loop knows whose turn is still to come in a batch", "[proxy]") {
    event_loop loop;
    std::array<twin, 2> twins;
    int seen = 0;
    std::array<int, 2> fds{};
    for (std::size_t i = 0; i < 2; ++i) {
        twins[i].loop = &loop;
        twins[i].other = &twins[1 - i];
        twins[i].seen = &seen;
        fds[i] = ::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
        REQUIRE(loop.watch(fds[i], twins[i], EPOLLIN | EPOLLET));
    }
    CHECK_FALSE(loop.is_next(twins[0]));
    CHECK(loop.looks() == 0);
    loop.run([] { return std::chrono::milliseconds(-1); }, std::chrono::microseconds(0));
    REQUIRE(seen == 2);
    CHECK(twins[0].other_is_next != twins[1].other_is_next); // of the first alone
    CHECK(twins[0].looks == 1);
    CHECK(twins[1].looks == 1);
    for (int const fd : fds)
        ::close(fd);
}

TEST_CASE("a batch that has no room for all events is no look at all descriptors", "[proxy]") {
    event_loop loop;
    tally all;
    all.loop = &loop;
    std::vector<int> fds;
    for (int i = 0; i < 300; ++i) {
        fds.push_back(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
        REQUIRE(loop.watch(fds.back(), all, EPOLLIN | EPOLLET));
    }
    loop.run([] { return std::chrono::milliseconds(-1); }, std::chrono::microseconds(0));
    CHECK(all.seen == 300);
    CHECK(all.looks == 1); // by the second batch
    for (int const fd : fds)
        ::close(fd);
}
