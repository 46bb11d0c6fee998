// SPDX-License-Identifier: Apache-2.0
#include "cluster/key_words.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

using cluster::key_rotation;
using dyad::key_word;
using dyad::parse_key_word;

TEST_CASE("what nodes say of keys comes through as it was said") {
    key_rotation::holds const held{{0x0123456789abcdef, 0, 0xfedcba9876543210}};
    CHECK(key_word(held) == "holds 0123456789abcdef 0000000000000000 fedcba9876543210");
    CHECK(std::get<key_rotation::holds>(parse_key_word(key_word(held)).value()) == held);

    auto const secret = cluster::key::generate();
    auto const offered = std::get<cluster::key>(parse_key_word(key_word(secret)).value());
    CHECK(std::equal(secret.bytes().begin(), secret.bytes().end(), offered.bytes().begin()));

    key_rotation::refused const no{"its disk is full"};
    CHECK(std::get<key_rotation::refused>(parse_key_word(key_word(no)).value()) == no);
    CHECK(key_word(key_rotation::refused{std::string(9999, 'x')}).size() < 600);
}

TEST_CASE("a word of a later release may say more, and words that are not known are passed over") {
    CHECK(parse_key_word("holds 0000000000000001 0000000000000000 0000000000000000 and more"));
    for (auto const* word : {"", "holds", "holds ", "holds 1 2 3", "holds 0000000000000000 0000000000000000 0000000000000000",
                             "holds 000000000000000x 0000000000000000 0000000000000000", "holds 0000000000000001", "offer ",
                             "offer 0123456789abcdef", "offer 0123456789abcdef0123456789abcdef0", "later"}) {
        CAPTURE(word);
        CHECK_FALSE(parse_key_word(word));
    }
}

TEST_CASE("whatever a peer says on the channel of keys is understood or passed over") {
    std::mt19937 random{5};
    auto const good = key_word(key_rotation::holds{{1, 2, 3}});
    for (int i = 0; i < 20'000; ++i) {
        auto word = i % 2 == 0 ? good : key_word(cluster::key{std::array<std::uint8_t, 32>{}});
        for (unsigned n = random() % 4; n > 0 && !word.empty(); --n) {
            auto const at = random() % word.size();
            random() % 2 == 0 ? word.erase(at, 1 + random() % 8) : word.insert(at, 1, static_cast<char>(random()));
        }
        auto const understood = parse_key_word(word);
        CHECK((!understood || word.size() > 8));
    }
}
