// SPDX-License-Identifier: Apache-2.0
// The fuzz target on its corpus (all recordings) and on mutations of it, with a fixed seed.
#include "fuzz/ipvs_codec_fuzz.cpp"
#include "golden.hpp"

#include <catch2/catch.hpp>

#include <random>

namespace {

using generator = std::mt19937;

std::size_t below(generator& random, std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
}

/// Flips, overwrites, cuts or doubles something.
void mutate(bytes& message, generator& random) {
    if (message.empty()) {
        return;
    }
    auto const place = below(random, message.size());
    switch (below(random, 5)) {
    case 0:
        message[place] ^= static_cast<std::byte>(1u << below(random, 8));
        break;
    case 1:
        message[place] = static_cast<std::byte>(below(random, 256));
        break;
    case 2:
        message.resize(place);
        break;
    case 3:
        message.insert(message.end(), message.begin(), message.begin() + static_cast<std::ptrdiff_t>(place));
        break;
    case 4:
        message[place] = std::byte{0xff};
        break;
    default:
        break;
    }
}

void feed(bytes const& message) {
    LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(message.data()), message.size());
}

} // namespace

TEST_CASE("mutated answers of the kernel are refused or understood, never worse") {
    auto corpus = golden::read("requests.hex");
    for (auto& m : golden::read("dumps.hex")) {
        corpus.push_back(std::move(m));
    }
    REQUIRE(corpus.size() > 20);
    generator random(6694);
    std::size_t understood = 0;
    for (int round = 0; round < 1000; ++round) {
        for (auto const& m : corpus) {
            auto message = m.content;
            for (auto n = below(random, 4); n > 0; --n) {
                mutate(message, random);
            }
            feed(message);
            understood += decode_service(message) || decode_destination(message, false) ? 1u : 0u;
        }
    }
    CHECK(understood > 1000); // else the mutations are too coarse to get past the door
}
