// SPDX-License-Identifier: Apache-2.0
#include "replicate/generation_rules.hpp"

#include <catch2/catch.hpp>

using namespace cluster;

namespace {

std::string canonical(generation const& g) {
    std::string out;
    replicate::canonical_form(g, [&](std::string_view piece) { out += piece; });
    return out;
}

} // namespace

TEST_CASE("names of a generation's files stay below its directory") {
    for (auto const* name : {"cluster.toml", "certificates/web.pem", "a/b/c/d/e/f/g/h", "marks", "\xc3\xa4.pem", "with space"})
        CHECK(replicate::is_file_name(name));
    for (auto const* name : {"", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", ".", "./a", "a//b", "a/", ".hidden", "a/.b",
                             "a\\b", "a\nb", "a\x7f", "a/b/c/d/e/f/g/h/i"})
        CHECK_FALSE(replicate::is_file_name(name));
    CHECK_FALSE(replicate::is_file_name(std::string_view("a\0b", 3)));
    CHECK(replicate::is_file_name(std::string(255, 'x')));
    CHECK_FALSE(replicate::is_file_name(std::string(256, 'x')));
}

TEST_CASE("a generation is checked whole, and the complaint names the file") {
    generation good{{1, 1}, {{"a", ""}, {"b/c", ""}, {"b/d", ""}}, "root", 0};
    CHECK(replicate::check(good).has_value());

    auto g = good;
    g.version = {};
    CHECK_FALSE(replicate::check(g).has_value());
    g = good;
    g.applied_by = "two\nlines";
    CHECK_FALSE(replicate::check(g).has_value());
    g = good;
    g.files = {{"b", ""}, {"a", ""}};
    CHECK(replicate::check(g).error().detail.find("\"a\"") != std::string::npos);
    g.files = {{"a", ""}, {"a", ""}};
    CHECK_FALSE(replicate::check(g).has_value());
    g.files = {{"../a", ""}};
    CHECK(replicate::check(g).error().code == balance::errc::invalid_configuration);
    g.files = {{"b", ""}, {"b-", ""}, {"b/c/d", ""}};
    CHECK(replicate::check(g).error().detail.find("\"b\" is a file and a folder") != std::string::npos);
}

TEST_CASE("the canonical form tells generations apart that differ in a byte") {
    generation const g{{1, 2}, {{"ab", "cd"}}, "root", 5};
    auto other = g;
    other.files = {{"a", "bcd"}};
    CHECK(canonical(g) != canonical(other));
    other.files = {{"ab", "c"}, {"d", ""}};
    CHECK(canonical(g) != canonical(other));
    other = g;
    other.version = {2, 1};
    CHECK(canonical(g) != canonical(other));
    other = g;
    other.applied_by = "someone else"; // for people only
    other.applied_at = 6;
    CHECK(canonical(g) == canonical(other));
}

TEST_CASE("the canonical form is that of the document") {
    using namespace std::string_literals;
    CHECK(canonical({{1, 258}, {{"ab", "cde"}}, "", 0}) == "dyad generation 1"
                                                           "\0\0\0\1\0\0\0\0\0\0\1\2"
                                                           "\0\0\0\1"
                                                           "\0\0\0\2ab"
                                                           "\0\0\0\0\0\0\0\3"
                                                           "cde"s);
}

TEST_CASE("the canonical form does not depend on the order of the files") {
    CHECK(canonical({{1, 2}, {{"a", "1"}, {"b", "2"}}, "", 0}) == canonical({{1, 2}, {{"b", "2"}, {"a", "1"}}, "", 0}));
}
