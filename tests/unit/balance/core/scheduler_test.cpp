// SPDX-License-Identifier: Apache-2.0
#include "core/scheduler.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

using namespace balance::core;

namespace {

std::vector<candidate> servers(std::vector<std::uint32_t> const& weights) {
    std::vector<candidate> all;
    for (auto const w : weights)
        all.push_back({.weight = w, .usable = true});
    return all;
}

/// `count` picks as letters, 'a' for the first server, '-' for none; each pick stays an active connection if `keep`.
std::string picks(algorithm a, std::vector<candidate>& all, std::size_t count, bool keep = false) {
    std::string order;
    for (std::size_t i = 0; i < count; ++i) {
        auto const index = choose(a, all);
        order += index ? static_cast<char>('a' + *index) : '-';
        if (index && keep)
            ++all[*index].active;
    }
    return order;
}

} // namespace

TEST_CASE("hashing: shares follow the weights, and only the keys of one that leaves move") {
    std::vector<candidate> all(4);
    std::uint32_t const weights[] = {100, 100, 200, 400};
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].usable = true;
        all[i].weight = weights[i];
        all[i].identity = hash_of("server" + std::to_string(i));
    }
    constexpr int keys = 40'000;
    std::vector<std::size_t> before;
    std::vector<int> got(all.size());
    for (int k = 0; k < keys; ++k) {
        before.push_back(choose(algorithm::hash, all, hash_of(std::to_string(k))).value());
        ++got[before.back()];
    }
    for (std::size_t i = 0; i < all.size(); ++i)
        CHECK(got[i] == Approx(keys * weights[i] / 800.0).epsilon(0.05));
    all[2].usable = false;
    for (int k = 0; k < keys; ++k) {
        auto const now = choose(algorithm::hash, all, hash_of(std::to_string(k))).value();
        CHECK((before[static_cast<std::size_t>(k)] == 2 ? now != 2 : now == before[static_cast<std::size_t>(k)]));
    }
    for (auto& c : all)
        c.usable = false;
    CHECK_FALSE(choose(algorithm::hash, all, 1));
}

TEST_CASE("random: of two servers the less busy one, and nobody without weight") {
    std::vector<candidate> all(3);
    for (auto& c : all) {
        c.usable = true;
        c.weight = 1;
    }
    all[2].weight = 0;
    std::uint64_t random = 1;
    std::vector<int> got(all.size());
    for (int i = 0; i < 10'000; ++i) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        ++got[choose(algorithm::random, all, random).value()];
    }
    CHECK(got[2] == 0);
    CHECK(got[0] == Approx(5000).epsilon(0.1));
    all[0].active = 5; // drawn alone in a quarter of the draws
    got = {0, 0, 0};
    for (int i = 0; i < 10'000; ++i) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        ++got[choose(algorithm::random, all, random).value()];
    }
    CHECK(got[0] == Approx(2500).epsilon(0.1));
    all[0].usable = all[1].usable = false;
    CHECK_FALSE(choose(algorithm::random, all, random));
}

TEST_CASE("round robin interleaves by weight", "[scheduler]") {
    auto all = servers({5, 1, 1});
    CHECK(picks(algorithm::wrr, all, 14) == "aabacaaaabacaa");
    all = servers({1, 1, 1});
    CHECK(picks(algorithm::wrr, all, 6) == "abcabc");
}

TEST_CASE("round robin is exact over a cycle, up to the largest weight", "[scheduler]") {
    std::vector<std::uint32_t> const weights{65535, 100, 1, 0, 7};
    auto all = servers(weights);
    std::vector<std::uint32_t> got(weights.size());
    for (std::uint32_t i = 0; i < 65535 + 100 + 1 + 7; ++i)
        ++got[choose(algorithm::wrr, all).value()];
    CHECK(got == weights);
    for (auto const& c : all)
        CHECK(c.credit == 0);
}

TEST_CASE("round robin never leaves a server more than its share behind", "[scheduler]") {
    std::vector<std::uint32_t> const weights{3, 5, 8};
    auto all = servers(weights);
    std::vector<double> got(3);
    for (int i = 1; i <= 160; ++i) {
        ++got[choose(algorithm::wrr, all).value()];
        for (std::size_t s = 0; s < 3; ++s)
            REQUIRE(std::abs(got[s] - i * (weights[s] / 16.0)) < 2);
    }
}

TEST_CASE("unusable, tried, weightless and full servers get nothing", "[scheduler]") {
    for (auto const a : {algorithm::wrr, algorithm::wlc, algorithm::first}) {
        auto all = servers({1, 1, 0, 1, 1});
        all[0].usable = false;
        all[1].excluded = true;
        all[3].limit = 2;
        all[3].active = 2;
        CHECK(picks(a, all, 3) == "eee");
        all[3].active = 1;
        all[4].usable = false;
        CHECK(picks(a, all, 3, true) == "d--");
    }
    std::vector<candidate> none;
    CHECK(picks(algorithm::wrr, none, 1) == "-");
}

TEST_CASE("first fills in the file's order whatever the weights", "[scheduler]") {
    auto all = servers({1, 100, 100});
    all[0].limit = 2;
    all[1].limit = 3;
    CHECK(picks(algorithm::first, all, 8, true) == "aabbbccc");
    all[0].active = 1;
    CHECK(picks(algorithm::first, all, 1, true) == "a");
}

TEST_CASE("least connections fills by weight", "[scheduler]") {
    auto all = servers({1, 2});
    CHECK(picks(algorithm::wlc, all, 6, true).size() == 6);
    CHECK(all[0].active == 2);
    CHECK(all[1].active == 4);
    all[0].active = 0;
    CHECK(picks(algorithm::wlc, all, 2, true) == "aa");
}

TEST_CASE("least connections lets equals take turns", "[scheduler]") {
    auto all = servers({1, 1, 2});
    auto order = picks(algorithm::wlc, all, 8); // none stays: all are equal for ever
    CHECK(std::count(order.begin(), order.end(), 'a') == 2);
    CHECK(std::count(order.begin(), order.end(), 'b') == 2);
    CHECK(std::count(order.begin(), order.end(), 'c') == 4);
}

TEST_CASE("least connections compares without overflow", "[scheduler]") {
    auto all = servers({65535, 1});
    all[0].active = UINT32_MAX;
    all[1].active = 65538;
    CHECK(picks(algorithm::wlc, all, 1) == "a"); // 65537 and a bit for each of its weight
    all[1].active = 65536;
    CHECK(picks(algorithm::wlc, all, 1) == "b");
}

TEST_CASE("the words of the configuration", "[scheduler]") {
    CHECK(parse_algorithm("wrr") == algorithm::wrr);
    CHECK(parse_algorithm("wlc") == algorithm::wlc);
    CHECK(parse_algorithm("first") == algorithm::first);
    CHECK_FALSE(parse_algorithm("WRR"));
    CHECK(parse_algorithm("source") == algorithm::hash);
    CHECK(parse_algorithm("uri") == algorithm::hash);
    CHECK(parse_algorithm("random") == algorithm::random);
    CHECK_FALSE(parse_algorithm(""));
}
