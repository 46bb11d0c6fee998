// SPDX-License-Identifier: Apache-2.0
#include "core/source_table.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace balance;
using namespace std::chrono_literals;
using core::source_table;
using boost::asio::ip::make_address;

namespace {

source_table::clock_time const beginning{std::chrono::hours(5)};

address numbered(std::uint32_t n) { return boost::asio::ip::address_v4(n); }

} // namespace

TEST_CASE("connections of a source are counted against its maximum", "[source_table]") {
    source_table t(100, 1);
    t.configure({.connections = 2});
    auto const a = make_address("192.0.2.1");
    auto const b = make_address("2001:db8::1");
    CHECK(t.enter(a, beginning).over == 0);
    CHECK(t.enter(a, beginning).over == 0);
    CHECK(t.enter(b, beginning).over == 0);
    CHECK(t.enter(a, beginning).over == 1);
    CHECK(t.enter(a, beginning).over == 2);
    for (int i = 0; i < 3; ++i)
        t.leave(a);
    CHECK(t.enter(a, beginning).over == 0);
    CHECK(t.enter(a, beginning).over == 1);
}

TEST_CASE("a source may do so much at once, and so much in the long run", "[source_table]") {
    source_table t(100, 1);
    t.configure({.rate = 10, .period = 1s});
    auto const a = make_address("192.0.2.1");
    auto now = beginning;
    for (int i = 0; i < 10; ++i)
        CHECK(t.ask(a, now) == 0ns);
    CHECK(t.ask(a, now) == 100ms);
    CHECK(t.ask(a, now) == 100ms); // asking costs nothing
    CHECK(t.ask(make_address("192.0.2.2"), now) == 0ns);
    now += 100ms;
    CHECK(t.ask(a, now) == 0ns);
    CHECK(t.ask(a, now) == 100ms);
    int done = 0;
    for (auto const end = now + 10s; now < end; now += 1ms)
        done += t.ask(a, now) == 0ns ? 1 : 0;
    CHECK(done == 99);
}

TEST_CASE("who used up a long period waits for the new one only", "[source_table]") {
    source_table t(100, 1);
    t.configure({.rate = 10, .period = 24h});
    auto const a = make_address("192.0.2.1");
    for (int i = 0; i < 10; ++i)
        CHECK(t.ask(a, beginning) == 0ns);
    t.configure({.rate = 10, .period = 10s});
    CHECK(t.ask(a, beginning) == 1s);
    CHECK(t.ask(a, beginning + 1s) == 0ns);
}

TEST_CASE("a full table forgets the quiet, and never those with connections", "[source_table]") {
    source_table t(1, 1); // one set
    t.configure({.connections = 1, .rate = 1, .period = 1s});
    for (std::uint32_t i = 1; i <= 8; ++i)
        CHECK(t.enter(numbered(i), beginning).counted);
    CHECK_FALSE(t.enter(numbered(9), beginning).counted);
    CHECK(t.ask(numbered(9), beginning) == 0ns);
    CHECK(t.ask(numbered(9), beginning) == 0ns); // not counted, so not limited
    t.leave(numbered(9));
    t.leave(numbered(3));
    CHECK(t.enter(numbered(9), beginning).counted);
    CHECK(t.enter(numbered(1), beginning).over == 1);
}

TEST_CASE("counting never goes astray", "[source_table]") {
    source_table t(64, 7);
    t.configure({.connections = 3});
    std::mt19937 random(4);
    std::array<std::uint32_t, 300> have{};
    for (int i = 0; i < 100'000; ++i) {
        auto const who = random() % have.size();
        auto const source = numbered(static_cast<std::uint32_t>(who));
        if ((random() & 1) != 0 && have[who] != 0) {
            t.leave(source);
            --have[who];
        } else if (auto const in = t.enter(source, beginning); in.counted) {
            ++have[who];
            CHECK(in.over == (have[who] > 3 ? have[who] - 3 : 0));
        } else {
            CHECK(have[who] == 0);
        }
    }
}
