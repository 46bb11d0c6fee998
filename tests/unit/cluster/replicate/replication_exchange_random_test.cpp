// SPDX-License-Identifier: Apache-2.0
// Two exchanges under random applies, deliveries, cuts, crashes, refusals and full disks. What must hold whatever happens:
// a version never decreases (the disk of exchange_pair throws), one version has one content unless both were apart when it
// was made, and nodes that stay connected end with the same.
#include "exchange_pair.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <utility>

using test::exchange_pair;
using test::id_of;
using namespace cluster;

namespace {

class storm {
public:
    explicit storm(unsigned seed) : random_(seed) {}

    exchange_pair pair;

    void blow() {
        auto const who = pick(2);
        switch (pick(12)) {
        case 0: apply(who); break;
        case 1:
            if (pick(4) == 0)
                pair.lose();
            break;
        case 2:
            if (pick(4) == 0)
                pair.restart(who);
            break;
        case 3:
        case 4:
            if (!pair.connected)
                pair.connect();
            break;
        case 5: pair.nodes[who].refuses = pick(8) == 0; break;
        case 6: pair.nodes[who].disk_full = pick(8) == 0; break;
        case 7: pair.advance(milliseconds{pick(3000)}); break;
        default: pair.deliver(who); break;
        }
        for (auto& n : pair.nodes)
            if (std::exchange(n.dropped, std::nullopt))
                pair.lose();
    }

private:
    unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }

    void apply(unsigned who) {
        // As the daemon does: one more than what this node holds. The content says who made it and when.
        auto const next = pair.nodes[who].machine.own().version.generation + 1;
        pair.apply(who, id_of(next, static_cast<std::uint8_t>(++content_)));
    }
    std::mt19937 random_;
    unsigned content_ = 0;
};

} // namespace

TEST_CASE("under random faults nothing older replaces newer, and a pair that is left alone agrees") {
    unsigned commits = 0;
    unsigned conflicts = 0;
    for (unsigned seed = 1; seed <= 2000; ++seed) {
        INFO("seed " << seed);
        storm s(seed);
        for (int i = 0; i < 300; ++i)
            REQUIRE_NOTHROW(s.blow());

        // Calm: reconnected, willing, with room on the disk.
        for (auto& n : s.pair.nodes)
            n.refuses = n.disk_full = false;
        s.pair.lose();
        s.pair.connect();
        s.pair.settle();
        auto const& a = s.pair.a();
        auto const& b = s.pair.b();
        CHECK(a.current.version == b.current.version);
        if (a.current != b.current) { // made while apart: an alarm on both, resolved by the next apply
            ++conflicts;
            CHECK_FALSE(a.alarm.empty());
            CHECK_FALSE(b.alarm.empty());
            s.pair.apply(0, id_of(a.current.version.generation + 1, 255));
            s.pair.settle();
        }
        CHECK(a.current == b.current);
        CHECK(a.machine.in_sync());
        CHECK(b.machine.in_sync());
        CHECK_FALSE(a.machine.deadline());
        for (auto const* n : {&a, &b})
            CHECK(std::is_sorted(n->history.begin(), n->history.end(),
                                 [](auto const& x, auto const& y) { return x.version < y.version; }));
        commits += static_cast<unsigned>(a.history.size() + b.history.size());
    }
    CHECK(commits > 2000 * 10); // the storm does reach the commits
    CHECK(conflicts > 0);
}
