// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <config/document.hpp>
#include <config/section.hpp>

using namespace dyad::config;

namespace {

value tree_of(std::string_view text) {
    auto got = parse_document(text, "x.toml");
    REQUIRE(got.value);
    return *got.value;
}

std::vector<std::string> names(value const& table) {
    std::vector<std::string> out;
    for (auto const& e : table.entries) {
        out.push_back(e.key);
    }
    return out;
}

} // namespace

TEST_CASE("document: tables keep the order of the file, not of the alphabet") {
    auto const root = tree_of(R"(
[service.zulu]
mode = "dr"
[service.alpha.server.second]
address = "a"
[service.alpha.server.first]
address = "b"
[service.alpha]
mode = "nat"
[service]
mike = { z = 1, a = 2 }
)");
    auto const& services = root.find("service")->content;
    CHECK(names(services) == std::vector<std::string>{"zulu", "alpha", "mike"});
    CHECK(names(services.find("alpha")->content.find("server")->content) ==
          std::vector<std::string>{"second", "first"});
    CHECK(names(services.find("mike")->content) == std::vector<std::string>{"z", "a"});
}

TEST_CASE("document: what a table holds is found whether it is small or large") {
    for (int const size : {1, 16, 17, 500}) {
        CAPTURE(size);
        std::string text;
        for (int i = size; i > 0; --i) { // k500, k499, …: not as the alphabet has them
            text += "k" + std::to_string(i) + " = " + std::to_string(i) + "\n";
        }
        auto const root = tree_of(text);
        REQUIRE(root.entries.size() == static_cast<std::size_t>(size));
        CHECK(root.entries.front().key == "k" + std::to_string(size));
        for (int i = 1; i <= size; ++i) {
            auto const* e = root.find("k" + std::to_string(i));
            REQUIRE(e != nullptr);
            CHECK(e->content.integer == i);
            CHECK(e->at.line == static_cast<unsigned>(size - i + 1));
        }
        CHECK(root.find("k0") == nullptr);
        CHECK(root.find("z") == nullptr);
        CHECK(root.below("k1").empty());
        CHECK(root.below("z").empty());
    }
    CHECK(tree_of("t = { a = 1, b = 2 }").below("t").size() == 2);
}

TEST_CASE("document: every value knows its place") {
    auto const root = tree_of("format = 1\n[service.\"Web\"]\n  mode = \"dr\"\n  ports = [80,\n    \"*\"]\n");
    CHECK(root.find("format")->content.at == place{1, 10});
    auto const& web = *root.find("service")->content.find("Web");
    CHECK(web.at == place{2, 10});
    CHECK(web.content.find("mode")->at == place{3, 3});
    CHECK(web.content.find("mode")->content.at == place{3, 10});
    CHECK(web.content.find("ports")->content.items.at(1).at == place{5, 5});
}

TEST_CASE("document: a path is located as deep as it exists; a check may be a named one") {
    auto const root = tree_of(R"(format = 1
[service.A]
check = "page"
[service.A.server.s]
weight = 5
[check.page]
method = "PUT"
)");
    CHECK(locate(root, {"service", "A", "server", "s", "weight"}) == place{5, 10});
    CHECK(locate(root, {"service", "A", "server", "s"}) == place{4, 19});
    CHECK(locate(root, {"service", "A", "server", "s", "port"}) == place{4, 19});
    CHECK(locate(root, {"service", "A"}) == place{2, 10});
    CHECK(locate(root, {"service", "A", "check"}) == place{3, 9});
    CHECK(locate(root, {"service", "A", "check", "method"}) == place{7, 10});
    CHECK(locate(root, {"service", "A", "check", "expect", "status"}) == place{6, 8});
    CHECK(locate(root, {"nothing"}) == place{1, 1});
    CHECK(locate(root, {}) == place{1, 1});
}

TEST_CASE("document: the prescan passes what a configuration may hold") {
    for (auto const* text :
         {"a = \"[[[[[[[[[[[[[[[[[[[[\"", "a = '{{{{{{{{{{{{{{{{{{{{{'", "# [[[[[[[[[[[[[[[[[[[[[[[[[[[",
          "a = \"\"\"\n[[[[[[[[[[[[[[[[[[[[[[[[[\n\"\"\"\n", "a = \"\\\"[[[[[[[[[[[[[[[[[[[[[[\"", "a = \"\"\nb = ''\n",
          "a = '''x'''''\nb = 1", "a = [1,\n 2]\r\n",
          "\xEF\xBB\xBF"
          "a = 1"}) {
        CAPTURE(text);
        CHECK(prescan(text).message.empty());
    }
}

TEST_CASE("document: the prescan stops what would exhaust the parser") {
    CHECK(prescan(std::string(100'000, '[')).at == place{1, 13});
    CHECK(prescan("a = 1\n" + std::string(100'000, '{')).at == place{2, 13});
    CHECK(prescan("ab = \"\xC3\xA4 c.\\\" [\" " + std::string(50, '[')).at == place{1, 29}); // characters, not bytes
    std::string dotted = "a";
    for (int i = 0; i < 100'000; ++i) {
        dotted += ".a";
    }
    CHECK(prescan(dotted + " = 1").at.line == 1);
    // A text that is not closed ends with its line, as for the parser: what follows is counted again.
    CHECK(prescan("a = \"\n" + std::string(50, '[')).at.line == 2);
    CHECK(prescan("a = '''x''''\n" + std::string(50, '[')).at.line == 2);
    CHECK(prescan(std::string_view("a\0b", 3)).message == "this is not a text file: byte 0x00 cannot occur in TOML");
}
