// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over its corpus and over mutations of it, without a fuzzing engine: FUZZ_CORPUS names the folder.
#include <catch2/catch.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
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
