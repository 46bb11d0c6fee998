// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cli/table.hpp>
#include <cli/words.hpp>

#include <limits>

using namespace dyad::cli;

TEST_CASE("words: sizes") {
    CHECK(size_text(0) == "0 B");
    CHECK(size_text(999) == "999 B");
    CHECK(size_text(1000) == "1.0 kB");
    CHECK(size_text(1'234'567) == "1.2 MB");
    CHECK(size_text(999'949) == "999.9 kB");
    CHECK(size_text(999'950) == "1.0 MB");
    CHECK(size_text(std::numeric_limits<std::int64_t>::max()) == "9.2 EB");
    CHECK(size_text(-1) == "0 B");
}

TEST_CASE("words: ages") {
    CHECK(age_text(-5) == "0 ms");
    CHECK(age_text(999) == "999 ms");
    CHECK(age_text(3999) == "3 s");
    CHECK(age_text(60'000) == "1 min");
    CHECK(age_text(125'000) == "2 min 5 s");
    CHECK(age_text(11'520'000) == "3 h 12 min");
    CHECK(age_text(86'400'000) == "1 d");
    CHECK(age_text(180'000'000) == "2 d 2 h");
}

TEST_CASE("words: a long name is cut between characters") {
    CHECK(width("Größe") == 5);
    CHECK(shortened("Größe", 5) == "Größe");
    CHECK(shortened("Größe", 4) == "Grö…");
    CHECK(shortened("Größe", 3) == "Gr…");
    CHECK(shortened("ööö", 1) == "…");
    CHECK(shortened("abc", 3) == "abc");
    CHECK(shortened("", 3).empty());
}

TEST_CASE("words: colours only when wanted") {
    CHECK(painted("up", colour::green, true) == "\x1b[32mup\x1b[0m");
    CHECK(painted("up", colour::green, false) == "up");
    CHECK(painted("up", colour::none, true) == "up");
}

TEST_CASE("table: columns are aligned, numbers to the right, no space at the end of a line") {
    table t({{"NAME", 6}, {"N", 40, true}, {"NOTE"}});
    t.row({{"a"}, {"1"}, {"x"}});
    t.row({{"Größenordnung"}, {"1000"}, {}});
    t.row({{"b"}, {}, {"y"}});
    t.row({});
    CHECK(t.text(false) == "NAME       N  NOTE\n"
                           "a          1  x\n"
                           "Größe…  1000\n"
                           "b             y\n"
                           "\n");
}
