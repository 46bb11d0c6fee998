// SPDX-License-Identifier: Apache-2.0
// tests/data/faulty/{node,cluster}/NAME.toml with NAME.expected beside it: every diagnostic, word for word. Lines that
// begin with "given: " say what else lies in the configuration directory.
#include "support/slurp.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <config/config.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using namespace dyad::config;
namespace fs = std::filesystem;

namespace {

fs::path const folder = fs::path(DYAD_SOURCE_DIR) / "tests/data/faulty";

struct expectation {
    surroundings given;
    std::vector<std::string> lines;
};

expectation read_expected(fs::path const& file) {
    expectation out;
    std::ifstream in(file);
    std::string line;
    while (std::getline(in, line)) {
        if (line == "given: cluster.key") {
            out.given.have_cluster_key = true;
        } else if (line.starts_with("given: certificates ")) {
            out.given.certificates = std::vector<dyad::config::known_certificate>{{line.substr(20)}};
        } else {
            out.lines.push_back(line);
        }
    }
    return out;
}

/// What `parse` says, and whether it gave a value.
template <class Parse>
void check_folder(fs::path const& where, Parse parse) {
    for (auto const& file : fs::directory_iterator(where)) {
        if (file.path().extension() != ".toml") {
            CHECK(fs::exists(fs::path(file.path()).replace_extension(".toml")));
            continue;
        }
        CAPTURE(file.path().string());
        auto const expected = read_expected(fs::path(file.path()).replace_extension(".expected"));
        REQUIRE_FALSE(expected.lines.empty());
        auto const got = parse(test::slurp(file.path()), file.path().filename().string(), expected.given);
        std::vector<std::string> said;
        std::transform(got.diagnostics.begin(), got.diagnostics.end(), std::back_inserter(said),
                       [](diagnostic const& d) { return to_string(d); });
        CHECK(said == expected.lines);
        bool const only_warnings = std::all_of(expected.lines.begin(), expected.lines.end(), [](std::string const& l) {
            return l.find(": warning: ") != std::string::npos;
        });
        CHECK(got.value.has_value() == only_warnings);
    }
}

} // namespace

TEST_CASE("faulty: every faulty node.toml is refused with its message") { check_folder(folder / "node", &parse_node); }

TEST_CASE("faulty: every faulty cluster.toml is refused with its message") {
    check_folder(folder / "cluster", &parse_cluster);
}

TEST_CASE("faulty: there are at least 40, and a file that is too large is one more") {
    std::size_t count = 0;
    for (auto const& file : fs::recursive_directory_iterator(folder)) {
        count += file.path().extension() == ".toml" ? 1U : 0U;
    }
    CHECK(count >= 40);

    std::string const large(10'000'000, '#');
    auto const got = parse_cluster(large, "large.toml", {});
    CHECK_FALSE(got.value);
    REQUIRE(got.diagnostics.size() == 1);
    CHECK(to_string(got.diagnostics[0]) ==
          "large.toml: the file has 10000000 bytes; a configuration file has at most 4194304");
}
