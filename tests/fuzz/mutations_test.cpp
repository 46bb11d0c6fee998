// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over its corpus and over mutations of it, without a fuzzing engine: FUZZ_CORPUS names the folder, and
// FUZZ_SECONDS says for how long others are tried than the last time.
#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace {

using input = std::vector<std::uint8_t>;

std::vector<input> read_corpus() {
    std::vector<input> out{{}};
    for (auto const& entry : std::filesystem::directory_iterator{FUZZ_CORPUS}) {
        std::ifstream file{entry.path(), std::ios::binary};
        out.emplace_back(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{});
    }
    return out;
}

void mutate(input& in, std::mt19937& random) {
    for (auto changes = 1 + random() % 4; changes > 0; --changes) {
        auto const at = in.empty() ? 0 : random() % in.size();
        auto const place = in.begin() + static_cast<std::ptrdiff_t>(at);
        switch (random() % 5) {
        case 0:
            in.insert(place, static_cast<std::uint8_t>(random()));
            break;
        case 1:
            in.resize(at);
            break;
        case 2:
            if (!in.empty()) {
                in.erase(place);
            }
            break;
        default:
            if (!in.empty()) {
                *place = random() % 2 == 0 ? static_cast<std::uint8_t>(random())
                                           : static_cast<std::uint8_t>(*place ^ (1u << random() % 8));
            }
        }
    }
}

/// The beginning of one and the end of another.
input spliced(input const& front, input const& back, std::mt19937& random) {
    auto const some = [&](input const& in) { return static_cast<std::ptrdiff_t>(in.empty() ? 0 : random() % in.size()); };
    input out(front.begin(), front.begin() + some(front));
    out.insert(out.end(), back.begin() + some(back), back.end());
    return out;
}

/// FUZZ_SEED in the environment runs again what a failure has printed.
unsigned chosen_seed() {
    auto const* const given = std::getenv("FUZZ_SEED");
    return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
}

} // namespace

TEST_CASE("the corpus and its mutations are survived") {
    auto const corpus = read_corpus();
    REQUIRE(corpus.size() > 1);
    for (auto const& in : corpus) {
        CHECK(LLVMFuzzerTestOneInput(in.data(), in.size()) == 0);
    }
    std::mt19937 random{20}; // the same mutations every time
    for (int i = 0; i < 20'000; ++i) {
        auto in = corpus[random() % corpus.size()];
        mutate(in, random);
        LLVMFuzzerTestOneInput(in.data(), in.size());
    }
    SUCCEED("no abort");
}

TEST_CASE("mutations that were never tried are survived, too") {
    using clock = std::chrono::steady_clock;
    auto const corpus = read_corpus();
    auto const seed = chosen_seed();
    std::cout << "FUZZ_SEED=" << seed << std::endl; // an abort leaves this behind and nothing else
    std::mt19937 random{seed};
    auto const end = clock::now() + std::chrono::seconds{FUZZ_SECONDS};
    while (clock::now() < end) {
        auto const& other = corpus[random() % corpus.size()];
        auto in = corpus[random() % corpus.size()];
        if (random() % 4 == 0)
            in = spliced(in, other, random);
        mutate(in, random);
        LLVMFuzzerTestOneInput(in.data(), in.size());
    }
    SUCCEED("no abort");
}
