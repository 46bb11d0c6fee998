// SPDX-License-Identifier: Apache-2.0
#include "core/persistence_table.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>

using balance::core::persistence_table;
using namespace std::chrono_literals;

namespace {

balance::address ip(std::string const& text) { return boost::asio::ip::make_address(text); }

persistence_table::clock_time at(std::chrono::milliseconds t) { return persistence_table::clock_time(1h) + t; }

persistence_table table(std::size_t size = 100, std::chrono::milliseconds timeout = 10s,
                        std::uint8_t granularity = 128) {
    return persistence_table({.size = size, .timeout = timeout, .granularity = granularity, .hash_seed = 42});
}

std::string server_of(persistence_table const& t, std::string const& client, std::chrono::milliseconds when) {
    return std::string(t.find(ip(client), at(when)).value_or("-"));
}

} // namespace

TEST_CASE("a client stays with its server until the timeout after its last use", "[persistence]") {
    auto t = table();
    t.use(ip("192.0.2.1"), "one", at(0s));
    CHECK(server_of(t, "192.0.2.1", 0s) == "one");
    CHECK(server_of(t, "192.0.2.2", 0s) == "-");
    CHECK(server_of(t, "192.0.2.1", 9999ms) == "one");
    CHECK(server_of(t, "192.0.2.1", 10s) == "-");
    t.use(ip("192.0.2.1"), "one", at(9s));
    CHECK(server_of(t, "192.0.2.1", 18999ms) == "one");
    CHECK(server_of(t, "192.0.2.1", 19s) == "-");
}

TEST_CASE("looking is not using", "[persistence]") {
    auto t = table();
    t.use(ip("192.0.2.1"), "one", at(0s));
    CHECK(server_of(t, "192.0.2.1", 9s) == "one");
    CHECK(server_of(t, "192.0.2.1", 10s) == "-");
}

TEST_CASE("granularity makes clients one", "[persistence]") {
    auto t = table(100, 10s, 24);
    t.use(ip("192.0.2.1"), "one", at(0s));
    CHECK(server_of(t, "192.0.2.255", 0s) == "one");
    CHECK(server_of(t, "192.0.3.1", 0s) == "-");

    auto all = table(100, 10s, 0);
    all.use(ip("192.0.2.1"), "one", at(0s));
    CHECK(server_of(all, "8.8.8.8", 0s) == "one");

    auto odd = table(100, 10s, 30);
    odd.use(ip("192.0.2.4"), "one", at(0s));
    CHECK(server_of(odd, "192.0.2.7", 0s) == "one");
    CHECK(server_of(odd, "192.0.2.8", 0s) == "-");

    auto six = table(100, 10s, 64);
    six.use(ip("2001:db8:0:1::1"), "one", at(0s));
    CHECK(server_of(six, "2001:db8:0:1:ffff::", 0s) == "one");
    CHECK(server_of(six, "2001:db8:0:2::1", 0s) == "-");
}

TEST_CASE("an IPv4 client is the same when it comes mapped into IPv6", "[persistence]") {
    auto t = table();
    t.use(ip("::ffff:192.0.2.1"), "one", at(0s));
    CHECK(server_of(t, "192.0.2.1", 0s) == "one");
    CHECK(t.snapshot(at(0s)).at(0).client == ip("192.0.2.1"));
}

TEST_CASE("the families never meet, not even when all clients are one", "[persistence]") {
    auto t = table(100, 10s, 0);
    t.use(ip("192.0.2.1"), "one", at(0s));
    CHECK(server_of(t, "2001:db8::1", 0s) == "-");
}

TEST_CASE("the entry used longest ago makes room", "[persistence]") {
    auto t = table(3);
    t.use(ip("192.0.2.1"), "one", at(0s));
    t.use(ip("192.0.2.2"), "two", at(1s));
    t.use(ip("192.0.2.3"), "three", at(2s));
    t.use(ip("192.0.2.1"), "one", at(3s));
    t.use(ip("192.0.2.4"), "four", at(4s));
    CHECK(t.size() == 3);
    CHECK(server_of(t, "192.0.2.2", 4s) == "-");
    CHECK(server_of(t, "192.0.2.1", 4s) == "one");
    CHECK(server_of(t, "192.0.2.3", 4s) == "three");
    CHECK(server_of(t, "192.0.2.4", 4s) == "four");
}

TEST_CASE("the peer hears of what is new, what changed and now and then of what goes on", "[persistence]") {
    auto t = table();
    auto const first = t.use(ip("192.0.2.1"), "one", at(0s));
    REQUIRE(first);
    CHECK(first->client == ip("192.0.2.1"));
    CHECK(first->server == "one");
    CHECK(first->remaining == 10s);
    CHECK_FALSE(t.use(ip("192.0.2.1"), "one", at(999ms)));
    auto const goes_on = t.use(ip("192.0.2.1"), "one", at(1s));
    REQUIRE(goes_on);
    CHECK(goes_on->sequence > first->sequence);
    auto const moved = t.use(ip("192.0.2.1"), "two", at(1001ms));
    REQUIRE(moved);
    CHECK(moved->server == "two");
    CHECK(moved->sequence > goes_on->sequence);
    CHECK(t.use(ip("192.0.2.1"), "two", at(30s))); // expired meanwhile: as good as new
}

TEST_CASE("the newest sequence wins a merge", "[persistence]") {
    auto t = table();
    auto const mine = t.use(ip("192.0.2.1"), "one", at(0s)).value();
    CHECK_FALSE(t.merge(ip("192.0.2.1"), "two", mine.sequence - 1, 5s, at(1s)));
    CHECK(server_of(t, "192.0.2.1", 1s) == "one");
    CHECK(t.merge(ip("192.0.2.1"), "two", mine.sequence + 7, 5s, at(1s)));
    CHECK(server_of(t, "192.0.2.1", 5999ms) == "two");
    CHECK(server_of(t, "192.0.2.1", 6s) == "-");
    CHECK(t.use(ip("192.0.2.9"), "one", at(2s))->sequence > mine.sequence + 7);
}

TEST_CASE("of two entries with one sequence both sides choose the same", "[persistence]") {
    auto a = table();
    auto b = table();
    auto const from_a = a.use(ip("192.0.2.1"), "one", at(0s)).value();
    auto const from_b = b.use(ip("192.0.2.1"), "two", at(0s)).value();
    REQUIRE(from_a.sequence == from_b.sequence);
    a.merge(ip("192.0.2.1"), "two", from_b.sequence, 10s, at(0s));
    b.merge(ip("192.0.2.1"), "one", from_a.sequence, 10s, at(0s));
    CHECK(server_of(a, "192.0.2.1", 0s) == server_of(b, "192.0.2.1", 0s));
}

TEST_CASE("an expired entry never comes back, and an entry never lives longer than the timeout", "[persistence]") {
    auto t = table();
    CHECK_FALSE(t.merge(ip("192.0.2.1"), "one", 5, 0s, at(0s)));
    CHECK_FALSE(t.merge(ip("192.0.2.1"), "one", 5, -1s, at(0s)));
    CHECK(t.size() == 0);
    CHECK(t.merge(ip("192.0.2.1"), "one", 5, 1h, at(0s)));
    CHECK(server_of(t, "192.0.2.1", 9999ms) == "one");
    CHECK(server_of(t, "192.0.2.1", 10s) == "-");
}

TEST_CASE("a snapshot merged into an empty table gives the same answers", "[persistence]") {
    auto a = table(2000);
    std::minstd_rand random(7);
    for (int i = 0; i < 1000; ++i)
        a.use(boost::asio::ip::address_v4(static_cast<unsigned>(random()) % 700), "s" + std::to_string(random() % 5),
              at(1ms * i));
    auto b = table(2000);
    for (auto const& e : a.snapshot(at(2s)))
        b.merge(e.client, e.server, e.sequence, e.remaining, at(2s));
    CHECK(b.size() == a.size());
    for (unsigned i = 0; i < 700; ++i) {
        boost::asio::ip::address_v4 const client(i);
        REQUIRE(a.find(client, at(5s)) == b.find(client, at(5s)));
    }
    CHECK(a.snapshot(at(20s)).empty());
}

TEST_CASE("other limits take hold at once", "[persistence]") {
    auto t = table(10);
    for (unsigned i = 0; i < 10; ++i)
        t.use(boost::asio::ip::address_v4(i), "one", at(1s * i));
    auto s = t.current_settings();
    s.size = 4;
    t.configure(s);
    CHECK(t.size() == 4);
    CHECK(server_of(t, "0.0.0.9", 9s) == "one");
    CHECK(server_of(t, "0.0.0.5", 9s) == "-");
    s.timeout = 1s;
    t.configure(s);
    t.use(ip("0.0.0.9"), "one", at(9s));
    CHECK(server_of(t, "0.0.0.9", 10s) == "-");
    s.granularity = 8;
    t.configure(s);
    CHECK(t.size() == 0);
}

TEST_CASE("entries without expiry", "[persistence]") {
    auto t = table(10, persistence_table::forever);
    CHECK(t.use(ip("192.0.2.1"), "one", at(0s)));
    CHECK_FALSE(t.use(ip("192.0.2.1"), "one", at(24h * 365 * 20)));
    CHECK(server_of(t, "192.0.2.1", 24h * 365 * 30) == "one");
}

TEST_CASE("a random life agrees with a simple model", "[persistence]") {
    constexpr std::size_t size = 50;
    auto const seed = GENERATE(range(1u, 6u));
    auto t = table(size, 100ms);
    struct known {
        std::string server;
        std::chrono::milliseconds used;
    };
    std::map<unsigned, known> model;
    std::minstd_rand random(seed);
    for (auto now = 0ms; now < 2000ms; now += std::chrono::milliseconds(random() % 3)) {
        auto const client = static_cast<unsigned>(random() % 90);
        std::erase_if(model, [&](auto const& m) { return m.second.used + 100ms <= now; });
        auto const found = t.find(boost::asio::ip::address_v4(client), at(now));
        auto const expected = model.find(client);
        REQUIRE(found.has_value() == (expected != model.end()));
        if (found)
            REQUIRE(*found == expected->second.server);
        auto const server = "s" + std::to_string(random() % 4);
        t.use(boost::asio::ip::address_v4(client), server, at(now));
        model.erase(client);
        if (model.size() == size) {
            auto oldest = model.begin();
            for (auto it = model.begin(); it != model.end(); ++it)
                if (it->second.used < oldest->second.used)
                    oldest = it;
            // Entries of one millisecond have an order that the model does not know.
            bool const tie = std::count_if(model.begin(), model.end(),
                                           [&](auto const& m) { return m.second.used == oldest->second.used; }) > 1;
            for (auto it = model.begin(); tie && it != model.end(); ++it)
                if (it->second.used == oldest->second.used && !t.find(boost::asio::ip::address_v4(it->first), at(now)))
                    oldest = it;
            model.erase(oldest);
        }
        model[client] = {server, now};
        REQUIRE(t.size() <= size);
    }
}

TEST_CASE("an entry without a server removes an older one, and later ones are above it", "[persistence]") {
    auto t = table();
    t.use(ip("192.0.2.1"), "one", at(0s));
    t.use(ip("192.0.2.2"), "two", at(0s));
    CHECK_FALSE(t.merge(ip("192.0.2.2"), "", 1, 10s, at(1s))); // ours has sequence 2
    CHECK(server_of(t, "192.0.2.2", 1s) == "two");
    CHECK(t.merge(ip("192.0.2.1"), "", 500, 10s, at(1s)));
    CHECK(server_of(t, "192.0.2.1", 1s) == "-");
    CHECK(t.size() == 1);
    CHECK_FALSE(t.merge(ip("192.0.2.9"), "", 600, 10s, at(1s))); // was not there
    CHECK(t.size() == 1);
    auto const anew = t.use(ip("192.0.2.1"), "three", at(2s));
    REQUIRE(anew);
    CHECK(anew->sequence == 601);
    CHECK(server_of(t, "192.0.2.1", 2s) == "three");
}
