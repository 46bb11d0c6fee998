// SPDX-License-Identifier: Apache-2.0
#include "core/timer_wheel.hpp"

#include "support/bell.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using balance::core::timer_wheel;
using test::bell;
using namespace std::chrono_literals;

namespace {

using time_point = timer_wheel::clock::time_point;

time_point const begin{1h};

/// Follows time as an event loop would, until nothing is set or the time is over.
void run(timer_wheel& wheel, time_point& now, time_point until) {
    for (auto next = wheel.next(); next && *next <= until; next = wheel.next()) {
        now = std::max(now + timer_wheel::tick, *next);
        wheel.advance(now);
    }
}

} // namespace

TEST_CASE("a wheel calls at the first tick that does not come before the time", "[timer_wheel]") {
    auto const [wait, not_yet, then] = GENERATE(table<std::chrono::microseconds, std::chrono::microseconds, std::chrono::microseconds>({
        {0us, 1'999us, 2ms}, {1us, 1'999us, 2ms}, {2ms, 1'999us, 2ms}, {2'001us, 3'999us, 4ms}, {5s, 4'999'999us, 5s}, {24h, 24h - 1us, 24h}}));
    timer_wheel wheel(begin);
    bell one;
    wheel.set(one, begin + wait);
    REQUIRE(wheel.next());
    CHECK(*wheel.next() <= begin + then);
    wheel.advance(begin + not_yet);
    CHECK(one.rung == 0);
    wheel.advance(begin + then); // in one go, however long nothing happened
    CHECK(one.rung == 1);
    CHECK_FALSE(wheel.next());
    wheel.advance(begin + 1min);
    CHECK(one.rung == 1);
}

TEST_CASE("a time that was moved or taken back is forgotten, also by its end", "[timer_wheel]") {
    timer_wheel wheel(begin);
    bell moved;
    bell back;
    auto ended = std::make_unique<bell>();
    for (auto* const e : {&moved, &back, ended.get()})
        wheel.set(*e, begin + 10ms);
    wheel.set(moved, begin + 20ms);
    timer_wheel::take_back(back);
    timer_wheel::take_back(back);
    ended.reset();
    wheel.advance(begin + 19ms);
    CHECK(moved.rung == 0);
    wheel.advance(begin + 20ms);
    CHECK(moved.rung == 1);
    CHECK(back.rung == 0);
}

TEST_CASE("whoever is called may set and take back times, his own and others'", "[timer_wheel]") {
    timer_wheel wheel(begin);
    auto now = begin;
    bell again;
    again.ring = [&] {
        if (again.rung < 1000)
            wheel.set(again, now + 6ms);
    };
    auto ended = std::make_unique<bell>();
    bell taken;
    bell first([&] {
        timer_wheel::take_back(taken);
        ended.reset();
    });
    wheel.set(again, begin);
    wheel.set(first, begin + 10ms); // before those whom it ends, in the same slot
    wheel.set(taken, begin + 10ms);
    wheel.set(*ended, begin + 10ms);
    run(wheel, now, begin + 1h);
    CHECK(again.rung == 1000);
    CHECK(now == begin + 2ms + 999 * 6ms);
    CHECK(first.rung == 1);
    CHECK(taken.rung == 0);
}

TEST_CASE("what is late is caught up in steps, faster the later it is", "[timer_wheel]") {
    timer_wheel wheel(begin);
    std::vector<std::unique_ptr<bell>> all;
    int rung = 0;
    for (int i = 1; i <= 50; ++i)
        wheel.set(*all.emplace_back(std::make_unique<bell>([&] { ++rung; })), begin + i * timer_wheel::tick);
    auto const late = begin + 1s;
    wheel.advance(late);
    CHECK(rung > 6);
    CHECK(rung < 35); // of 500 ticks behind
    auto now = late;
    int rounds = 0;
    for (int before = rung; rung < 50; before = rung, ++rounds) {
        wheel.advance(now += timer_wheel::tick);
        CHECK(rung > before);
    }
    CHECK(rounds <= 25);
}

TEST_CASE("a short pause is caught up at twice the pace", "[timer_wheel]") {
    timer_wheel wheel(begin);
    int rung = 0;
    std::vector<std::unique_ptr<bell>> all;
    for (int i = 1; i <= 1000; ++i)
        wheel.set(*all.emplace_back(std::make_unique<bell>([&] { ++rung; })), begin + i * timer_wheel::tick);
    auto now = begin;
    for (int i = 1; i <= 40; ++i)
        wheel.advance(now += timer_wheel::tick);
    CHECK(rung == 40);
    wheel.advance(now += 20 * timer_wheel::tick);
    CHECK(rung == 46);
    wheel.advance(now += timer_wheel::tick);
    CHECK(rung == 48);
    for (int i = 1; i <= 15; ++i)
        wheel.advance(now += timer_wheel::tick);
    CHECK(begin + rung * timer_wheel::tick == now);
}

TEST_CASE("those that are set after a long time without any are called at once", "[timer_wheel]") {
    timer_wheel wheel(begin);
    auto now = begin + 1h;
    int rung = 0;
    std::vector<std::unique_ptr<bell>> all;
    for (int i = 0; i < 100; ++i)
        wheel.set(*all.emplace_back(std::make_unique<bell>([&] { ++rung; })), now + i * 5ms);
    for (int i = 0; i < 252; ++i)
        wheel.advance(now += timer_wheel::tick);
    CHECK(rung == 100);
}

TEST_CASE("rounds that are always long keep pace with the time, and very long ones fall behind by a bounded time", "[timer_wheel]") {
    auto const [round, latest] = GENERATE(table<std::chrono::milliseconds, std::chrono::milliseconds>({{12ms, 13ms}, {40ms, 700ms}}));
    timer_wheel wheel(begin);
    auto now = begin;
    std::chrono::nanoseconds late{0};
    std::vector<std::unique_ptr<bell>> all;
    for (int i = 0; i < 2'000; ++i) {
        auto& e = *all.emplace_back(std::make_unique<bell>());
        auto due = std::make_shared<time_point>(begin + i * 1ms);
        e.ring = [&, due] {
            late = std::max<std::chrono::nanoseconds>(late, now - *due);
            wheel.set(e, *due = now + 2s);
        };
        wheel.set(e, *due);
    }
    while (now < begin + 2min)
        wheel.advance(now += round);
    CHECK(late <= latest);
}

TEST_CASE("who is set for later turns of the wheel does not wake it in between", "[timer_wheel]") {
    timer_wheel wheel(begin);
    bell one;
    wheel.set(one, begin + 1min);
    CHECK(wheel.next() == begin + 1min);
}

TEST_CASE("an exception keeps nobody from being called later", "[timer_wheel]") {
    timer_wheel wheel(begin);
    bell bad([] { throw std::runtime_error("on purpose"); });
    bell good;
    wheel.set(bad, begin);
    wheel.set(good, begin);
    CHECK_THROWS(wheel.advance(begin + 2ms));
    CHECK(good.rung == 0);
    wheel.advance(begin + 4ms);
    CHECK(good.rung == 1);
}

TEST_CASE("thousands of random times come neither early nor late, and each once", "[timer_wheel]") {
    std::minstd_rand random(7);
    timer_wheel wheel(begin);
    auto now = begin;
    int rung = 0;
    std::vector<std::unique_ptr<bell>> all;
    for (int i = 0; i < 5'000; ++i) {
        auto const when = begin + std::chrono::milliseconds(random() % 20'000);
        auto& e = *all.emplace_back(std::make_unique<bell>([&, when] {
            ++rung;
            CHECK(now >= when);
            CHECK(now < when + 2 * timer_wheel::tick);
        }));
        wheel.set(e, begin + std::chrono::milliseconds(random() % 20'000));
        wheel.set(e, when);
    }
    for (; now <= begin + 21s; now += timer_wheel::tick)
        wheel.advance(now);
    CHECK(rung == 5'000);
}
