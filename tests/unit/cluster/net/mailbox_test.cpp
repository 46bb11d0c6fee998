// SPDX-License-Identifier: Apache-2.0
#include "net/mailbox.hpp"

#include <catch2/catch.hpp>

#include <poll.h>

#include <memory>
#include <thread>
#include <vector>

using cluster::net::mailbox;

namespace {

bool readable(int fd) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, 0) == 1;
}

} // namespace

TEST_CASE("values come out in the order in which they went in, and the descriptor says that there are some") {
    mailbox<std::unique_ptr<int>> box;
    CHECK_FALSE(readable(box.descriptor()));
    for (int i = 0; i < 3; ++i) {
        box.post(std::make_unique<int>(i));
    }
    CHECK(readable(box.descriptor()));
    std::vector<int> got;
    box.take([&](std::unique_ptr<int>&& p) { got.push_back(*p); });
    CHECK(got == std::vector<int>{0, 1, 2});
    CHECK_FALSE(readable(box.descriptor()));
    box.post(std::make_unique<int>(9)); // left inside: freed with the box
}

TEST_CASE("nothing is lost among several writers") {
    mailbox<int> box;
    constexpr int writers = 4;
    constexpr int each = 5000;
    std::vector<std::thread> threads;
    for (int w = 0; w < writers; ++w) {
        threads.emplace_back([&box, w] {
            for (int i = 0; i < each; ++i) {
                box.post(w * each + i);
            }
        });
    }
    std::vector<int> last(writers, -1);
    int count = 0;
    while (count < writers * each) {
        pollfd p{box.descriptor(), POLLIN, 0};
        REQUIRE(::poll(&p, 1, 10'000) == 1);
        box.take([&](int value) {
            auto& previous = last[static_cast<std::size_t>(value / each)];
            CHECK(value % each == previous + 1);
            previous = value % each;
            ++count;
        });
    }
    for (auto& t : threads) {
        t.join();
    }
    CHECK(count == writers * each);
}
