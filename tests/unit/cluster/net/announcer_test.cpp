// SPDX-License-Identifier: Apache-2.0
#include "net/announcer.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>

using namespace cluster;
using namespace cluster::net;
using namespace std::chrono_literals;

namespace {

announcer::time_point const begin{500s};

held_address held(int number, unsigned interface = 1) {
    return {.floating = {boost::asio::ip::address_v4{0x0a000000u + static_cast<unsigned>(number)},
                         "eth" + std::to_string(interface)},
            .interface = interface,
            .mac = {2},
            .ethernet = true,
            .router = false};
}

std::vector<held_address> many(int count, unsigned interface = 1) {
    std::vector<held_address> out;
    for (int i = 1; i <= count; ++i) {
        out.push_back(held(i, interface));
    }
    return out;
}

struct sent {
    std::chrono::milliseconds at;
    held_address what;
    bool probe;
};

/// Runs the schedule in virtual time up to `end`.
std::vector<sent> run(announcer& a, std::chrono::milliseconds end, std::chrono::milliseconds from = 0ms) {
    std::vector<sent> out;
    auto now = begin + from;
    while (a.deadline() <= begin + end) {
        now = std::max(now, a.deadline());
        auto const next = a.next(now);
        REQUIRE(next);
        out.push_back({std::chrono::duration_cast<std::chrono::milliseconds>(now - begin), next->what, next->probe});
    }
    return out;
}

std::vector<std::chrono::milliseconds> times(std::vector<sent> const& all) {
    std::vector<std::chrono::milliseconds> out;
    for (auto const& s : all) {
        out.push_back(s.at);
    }
    return out;
}

} // namespace

TEST_CASE("an address is announced at 0, 0.2, 0.4, 1.2, 2.2 and 5 s, then every minute") {
    announcer a{1000};
    a.set(many(1), begin);
    CHECK(a.deadline() == announcer::time_point::max());
    a.start(begin);
    CHECK(times(run(a, 130s)) ==
          std::vector<std::chrono::milliseconds>{0ms, 200ms, 400ms, 1200ms, 2200ms, 5000ms, 65s, 125s});
    a.stop();
    CHECK(a.deadline() == announcer::time_point::max());
    CHECK_FALSE(a.next(begin + 10min));
}

TEST_CASE("every address is announced once before any is repeated, however slow that goes") {
    announcer a{100};
    a.set(many(300), begin);
    a.start(begin);
    auto const all = run(a, 200s);
    REQUIRE(all.size() > 900);
    for (std::size_t pass = 0; pass < 3; ++pass) {
        std::set<address> seen;
        for (std::size_t i = 0; i < 300; ++i) {
            seen.insert(all[pass * 300 + i].what.floating.address);
        }
        CHECK(seen.size() == 300);
    }
}

TEST_CASE("the rate holds in every second on every interface") {
    announcer a{1000};
    auto addresses = many(500, 1);
    auto const others = many(500, 2);
    addresses.insert(addresses.end(), others.begin(), others.end());
    a.set(addresses, begin);
    a.start(begin);
    std::map<unsigned, std::vector<std::chrono::milliseconds>> by_interface;
    for (auto const& s : run(a, 6s)) {
        by_interface[s.what.interface].push_back(s.at);
    }
    REQUIRE(by_interface.size() == 2);
    for (auto const& [interface, at] : by_interface) {
        CHECK(at.front() == 0ms);
        CHECK(at[499] <= 1000ms); // the first pass takes a second: two frames each
        for (std::size_t i = 0; i + 520 < at.size(); ++i) {
            REQUIRE(at[i + 520] - at[i] >= 1s); // 1000 frames and the burst
        }
        for (std::size_t i = 500; i + 45 < at.size(); ++i) {
            REQUIRE(at[i + 45] - at[i] >= 1s); // a tenth of it, with probes
        }
    }
}

TEST_CASE("the first pass claims, the later ones also ask who else answers") {
    announcer a{1000};
    a.set(many(2), begin);
    a.start(begin);
    auto const all = run(a, 500ms);
    REQUIRE(all.size() == 6);
    for (std::size_t i = 0; i < all.size(); ++i) {
        CHECK(all[i].probe == (i >= 2));
    }
}

TEST_CASE("500 addresses are announced within 100 ms by default") {
    announcer a{cluster::node_settings{}.announce_rate};
    a.set(many(500), begin);
    a.start(begin);
    auto const first = run(a, 100ms);
    CHECK(first.size() == 500);
    CHECK_FALSE(first.back().probe);
}

TEST_CASE("a few addresses are announced at once") {
    announcer a{1000};
    a.set(many(10), begin);
    a.start(begin);
    CHECK(run(a, 0ms).size() == 10);
}

TEST_CASE("an interface begins anew when it came up, or gained an address; the others go on") {
    announcer a{1000};
    auto addresses = many(1, 1);
    addresses.push_back(held(7, 2));
    a.set(addresses, begin);
    a.start(begin);
    run(a, 10s);
    SECTION("came up") {
        a.restart(2, begin + 10s);
        auto const all = run(a, 12s, 10s);
        REQUIRE(all.size() == 4);
        CHECK(times(all) == std::vector<std::chrono::milliseconds>{10s, 10200ms, 10400ms, 11200ms});
        CHECK(all.front().what.interface == 2);
    }
    SECTION("gained an address") {
        addresses.push_back(held(8, 2));
        a.set(addresses, begin + 10s);
        auto const all = run(a, 10s, 10s);
        REQUIRE(all.size() == 2);
        CHECK(all.front().what.interface == 2);
    }
    SECTION("lost an address: no reason to announce") {
        addresses.pop_back();
        a.set(addresses, begin + 10s);
        CHECK(run(a, 20s, 10s).empty());
    }
}

TEST_CASE("an address that somebody else answers for is announced every half second until that is silent") {
    announcer a{1000};
    a.set(many(3), begin);
    a.contest(1, held(2).floating.address, begin); // not announcing: nothing to defend
    a.start(begin);
    run(a, 6s);
    auto now = 6s;
    for (int i = 0; i < 3; ++i) {
        a.contest(1, held(2).floating.address, begin + now);
        a.contest(1, held(2).floating.address, begin + now + 100ms); // once is enough
        a.contest(1, held(77).floating.address, begin + now);        // not ours
        a.contest(2, held(2).floating.address, begin + now);         // not there
        auto const all = run(a, now + 2s, now);
        REQUIRE(all.size() == 1);
        CHECK(all[0].at == now + 500ms);
        CHECK(all[0].what == held(2));
        CHECK(all[0].probe);
        now += 3s;
    }
    a.contest(1, held(2).floating.address, begin + now);
    a.set(many(1), begin + now); // no longer ours
    CHECK(run(a, now + 2s, now).empty());
}

TEST_CASE("where there is no Ethernet nobody is told") {
    announcer a{1000};
    auto address = held(1);
    address.ethernet = false;
    a.set({address}, begin);
    a.start(begin);
    CHECK(a.deadline() == announcer::time_point::max());
}
