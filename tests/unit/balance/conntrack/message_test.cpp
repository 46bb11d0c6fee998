// SPDX-License-Identifier: Apache-2.0
#include "conntrack/message.hpp"
#include "samples.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace sample;

namespace {

std::vector<std::byte> octets(std::vector<int> const& in) {
    std::vector<std::byte> out;
    for (int const i : in) {
        out.push_back(static_cast<std::byte>(i));
    }
    return out;
}

change told(change c) {
    c.entry.status = 0;
    return c;
}

} // namespace

TEST_CASE("changes are told as the protocol says") {
    std::vector<change> const changes{gone(tcp(40000, 12345))};
    auto const messages = encode_changes(changes);
    REQUIRE(messages.size() == 1);
    CHECK(messages[0] == octets({1,   0,                                 // version, flags
                                 4,   1,  6,   3,   0,    0,    3, 0xe8, // family, gone, protocol, state, timeout
                                 0,   0,  0,   0,   0,    0,    0, 0,    // tags
                                 192, 0,  2,   21,  0x9c, 0x40,          // client
                                 198, 51, 100, 110, 0,    80,            // service
                                 203, 0,  113, 41,  0x1f, 0x90,          // server
                                 198, 51, 100, 120, 0x30, 0x39}));       // translated source
    auto const read = decode_message(messages[0]);
    REQUIRE(read);
    CHECK(*read == message{false, false, false, {told(changes[0])}});
}

TEST_CASE("what was told is understood, in both families and all protocols") {
    auto sctp = tcp(40001, 2);
    sctp.key.protocol = 132;
    sctp.tags = {0x12345678, 0x9abcdef0};
    auto udp = tcp(40002, 3);
    udp.key.protocol = 17;
    udp.state = 0;
    std::vector<change> const changes{kept(tcp(40000, 1)), gone(tcp6(40000, 1)), kept(sctp), kept(udp)};
    auto const messages = encode_changes(changes);
    REQUIRE(messages.size() == 1);
    auto const read = decode_message(messages[0]);
    REQUIRE(read);
    REQUIRE(read->changes.size() == changes.size());
    for (std::size_t i = 0; i < changes.size(); ++i) {
        CHECK(read->changes[i] == told(changes[i]));
    }
}

TEST_CASE("all of them are told in parts, of which the first and the last say so") {
    CHECK(encode_changes({}).empty());
    std::vector<entry> entries;
    for (int i = 1; i <= 2500; ++i) {
        entries.push_back(tcp6(i, i));
    }
    auto const parts = encode_all(entries, true);
    REQUIRE(parts.size() == 3);
    std::size_t count = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        CHECK(parts[i].size() < 90'000);
        auto const read = decode_message(parts[i]);
        REQUIRE(read);
        CHECK(read->all);
        CHECK(read->first == (i == 0));
        CHECK(read->last == (i == 2));
        count += read->changes.size();
    }
    CHECK(count == entries.size());
    auto const nothing = encode_all({}, true);
    REQUIRE(nothing.size() == 1);
    CHECK(decode_message(nothing[0]) == message{true, true, true, {}});
    auto const too_many = encode_all(entries, false);
    REQUIRE(too_many.size() == 3);
    CHECK_FALSE(decode_message(too_many[2])->last);
}

TEST_CASE("what no peer says is refused") {
    auto const good = encode_changes(std::vector<change>{gone(tcp(40000, 1))}).front();
    REQUIRE(decode_message(good));
    auto const refused = [&](std::size_t place, int value) {
        auto other = good;
        other[place] = static_cast<std::byte>(value);
        return !decode_message(other);
    };
    CHECK(refused(0, 2));
    CHECK(refused(1, 8));
    CHECK(refused(1, 2)); // first of all, but not of all
    CHECK(refused(1, 1)); // all of them, and one of them gone
    CHECK(refused(2, 5));
    CHECK(refused(2, 6)); // then it is too short
    CHECK(refused(3, 2));
    CHECK(refused(4, 1));
    for (std::size_t size = 0; size < good.size(); ++size) {
        CHECK(decode_message(std::span(good).first(size)).has_value() == (size == 2)); // no change at all
    }
}

TEST_CASE("mutated messages of the peer are refused or understood, never worse") {
    std::mt19937 random(6694);
    auto const below = [&](std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
    };
    auto const sound = encode_all(std::vector<entry>{tcp(40000, 1), tcp6(40001, 2), tcp(40002, 3)}, true).front();
    std::size_t understood = 0;
    for (int round = 0; round < 20'000; ++round) {
        auto one = sound;
        for (auto n = below(3); n > 0; --n) {
            one[below(one.size())] = static_cast<std::byte>(below(256));
        }
        one.resize(one.size() - (below(4) == 0 ? below(one.size()) : 0));
        auto const read = decode_message(one);
        if (read && !read->all) {
            auto const again = encode_changes(read->changes);
            CHECK((again.empty() ? read->changes.empty() : again.front() == one));
        }
        understood += read ? 1u : 0u;
    }
    CHECK(understood > 5000); // else the mutations are too coarse to get past the door
}
