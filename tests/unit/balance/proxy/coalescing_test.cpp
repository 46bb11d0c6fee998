// SPDX-License-Identifier: Apache-2.0
#include "proxy/coalescing.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>

using balance::layer7::coalescing;
using namespace std::chrono_literals;

namespace {

/// Connections that speak in turn.
class crowd {
public:
    explicit crowd(std::size_t size = coalescing::crowd) : size_(size) {}

    /// Whether a loop rests at the end of so many milliseconds with so many batches in each, and so many events in each batch.
    bool rests(coalescing& load, coalescing::clock::time_point& now, int milliseconds, int batches, std::size_t events) {
        bool out = false;
        for (int i = 0; i < milliseconds; ++i) {
            now += 1ms;
            for (int batch = 0; batch < batches; ++batch)
                out = rest_after(load, now, events);
        }
        return out;
    }
    bool rest_after(coalescing& load, coalescing::clock::time_point now, std::size_t events) {
        bool const out = load.rest_after(events, now);
        for (std::size_t i = 0; i < events; ++i)
            load.hear(heard_in_[next_++ % size_]);
        return out;
    }

private:
    std::array<std::uint32_t, 256> heard_in_{};
    std::size_t size_;
    std::size_t next_ = 0;
};

} // namespace

TEST_CASE("events gather while many come, a few at a time", "[proxy]") {
    coalescing load;
    crowd c;
    coalescing::clock::time_point now(1h);
    CHECK_FALSE(c.rest_after(load, now, 1)); // the first, which no time preceded
    CHECK_FALSE(c.rests(load, now, 20, 29, 1));
    CHECK(c.rests(load, now, 20, 30, 1));
    CHECK(c.rests(load, now, 20, 4, 15));
    CHECK_FALSE(c.rests(load, now, 20, 4, coalescing::enough));
}

TEST_CASE("an event that comes after a quiet time does not wait", "[proxy]") {
    coalescing load;
    crowd c;
    coalescing::clock::time_point now(1h);
    CHECK(c.rests(load, now, 20, 50, 1));
    now += 1s;
    CHECK_FALSE(c.rest_after(load, now, coalescing::enough - 1));
    now += 1ms;
    CHECK_FALSE(c.rest_after(load, now, 1));
}

TEST_CASE("a clock that stands still for some milliseconds shows the load no less", "[proxy]") {
    coalescing load;
    crowd c;
    coalescing::clock::time_point now(1h);
    for (int tick = 0; tick < 5; ++tick) {
        now += 10ms;
        for (int i = 0; i < 400; ++i)
            c.rest_after(load, now, 1);
    }
    CHECK(c.rest_after(load, now, 1));
    CHECK(c.rest_after(load, now, 0));
}

TEST_CASE("few connections never wait, however fast they are", "[proxy]") {
    coalescing load;
    coalescing::clock::time_point now(1h);
    crowd few(coalescing::crowd - 1);
    crowd many(coalescing::crowd);
    CHECK_FALSE(few.rests(load, now, 100, 100, 4));
    CHECK(many.rests(load, now, 100, 100, 4));
    CHECK_FALSE(few.rests(load, now, 100, 100, 4));
}
