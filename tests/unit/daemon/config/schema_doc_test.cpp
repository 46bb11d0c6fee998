// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <config/schema.hpp>
#include <fstream>
#include <iterator>
#include <string>

using namespace dyad::config;

TEST_CASE("docs/CONFIGURATION.md explains every key in the section of its table, and no key that does not exist") {
    std::ifstream in(std::string(DYAD_SOURCE_DIR) + "/docs/CONFIGURATION.md");
    REQUIRE(in.good());
    std::string const doc{std::istreambuf_iterator<char>(in), {}};
    for (auto const& table : all_tables) {
        CAPTURE(std::string(table.table));
        auto const begin = doc.find("\n### `" + std::string(table.table) + "`\n");
        REQUIRE(begin != std::string::npos);
        auto const chapter = doc.substr(begin + 4, doc.find("\n#", begin + 4) - begin - 4);
        std::size_t rows = 0;
        for (auto at = chapter.find("\n| `"); at != std::string::npos; at = chapter.find("\n| `", at + 1)) {
            ++rows;
        }
        for (auto const key : table.keys) {
            CAPTURE(std::string(key));
            CHECK(chapter.find("\n| `" + std::string(key) + "` |") != std::string::npos);
        }
        CHECK(rows == table.keys.size());
    }
}
