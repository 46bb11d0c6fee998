// SPDX-License-Identifier: Apache-2.0
// The fuzz target on its corpus (conf/ and tests/data/faulty) and on mutations of it, with a fixed seed.
#include "fuzz/config_fuzz.cpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using generator = std::mt19937;

std::vector<std::string> corpus() {
    std::vector<std::string> out;
    for (auto const* folder : {"conf", "tests/data/faulty/node", "tests/data/faulty/cluster"}) {
        for (auto const& file : fs::directory_iterator(fs::path(DYAD_SOURCE_DIR) / folder)) {
            if (file.path().extension() == ".toml") {
                std::ifstream in(file.path(), std::ios::binary);
                out.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
            }
        }
    }
    return out;
}

void feed(std::string const& text) {
    LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(text.data()), text.size());
}

std::size_t below(generator& random, std::size_t limit) { return random() % std::max<std::size_t>(limit, 1); }

/// The line that holds `at`, with its line feed.
std::pair<std::size_t, std::size_t> line_at(std::string const& text, std::size_t at) {
    auto const begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
    return {begin, std::min(text.find('\n', at), text.size() - 1) + 1 - begin};
}

void mutate(std::string& text, generator& random) {
    static std::vector<std::string> const tokens{"0",          "-1",      "65536",   "99999999999999999999",
                                                 "\"\"",       "\"*\"",   "[",       "]",
                                                 "{",          "}",       "'",       "\"\"\"",
                                                 "true",       "1.5",     "=",       ".",
                                                 "#",          "\n",      "\\",      "[service.x]\n",
                                                 "\"h\"",      "\"::1\"", "\"0ms\"", "nan",
                                                 "\xff",       "\x1b",    "\"/\"",   "\"-5s\"",
                                                 "1979-05-27", "0x7f",    "\"tcp\""};
    if (text.empty()) {
        return;
    }
    auto const at = below(random, text.size());
    auto const [begin, length] = line_at(text, at);
    switch (below(random, 8)) {
    case 0:
        text[at] = static_cast<char>(random() & 0xff);
        break;
    case 1:
        text.erase(at, 1 + below(random, 8));
        break;
    case 2:
        text.insert(at, tokens[below(random, tokens.size())]);
        break;
    case 3:
        text.erase(begin, length);
        break;
    case 4:
        text.insert(begin, text.substr(begin, length));
        break;
    case 5: { // a line elsewhere
        auto const line = text.substr(begin, length);
        text.insert(line_at(text, below(random, text.size())).first, line);
        break;
    }
    case 6: { // a value
        if (auto const equals = text.find('=', begin); equals != std::string::npos && equals < begin + length) {
            text.replace(equals + 1, begin + length - equals - 1, tokens[below(random, tokens.size())] + '\n');
        }
        break;
    }
    default:
        text.resize(at);
        break;
    }
}

} // namespace

TEST_CASE("config fuzz: the corpus and its mutations are survived") {
    auto const seeds = corpus();
    REQUIRE(seeds.size() > 40);
    for (auto const& text : seeds) {
        feed(text);
    }
    generator random(20);
    for (int i = 0; i < 3000; ++i) {
        auto text = seeds[below(random, seeds.size())];
        for (auto n = 1 + below(random, 4); n > 0; --n) {
            mutate(text, random);
        }
        feed(text);
    }
    SUCCEED("no abort");
}

TEST_CASE("config fuzz: nesting of any kind is refused, not followed") {
    auto const repeated = [](std::string_view part, int times) {
        std::string out = "format = 1\nx";
        for (int i = 0; i < times; ++i) {
            out += part;
        }
        return out;
    };
    for (auto const* part :
         {".x", " = [", " = {x", " = {x.x", "\n[x", ".\"x\"", "\n[x.x.x.x.x.x.x.x]\nx = {x", " = \"\"\"\n", "'''"}) {
        feed(repeated(part, 100'000));
        feed(repeated(part, 11) + " = 1");
    }
}
