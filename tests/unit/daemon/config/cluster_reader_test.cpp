// SPDX-License-Identifier: Apache-2.0
// A text read after others says what it says when it is read alone.
#include "support/slurp.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <config/cluster_reader.hpp>
#include <config/service_parts.hpp>
#include <random>

using namespace dyad::config;

namespace {

/// Reads with both, and compares.
outcome<cluster_config> read_as_alone(cluster_reader& reader, std::string const& text, surroundings const& around = {}) {
    auto got = reader.read(text, "cluster.toml", around);
    auto const alone = parse_cluster(text, "cluster.toml", around);
    INFO(text);
    CHECK(got.diagnostics == alone.diagnostics);
    CHECK((got.value == alone.value));
    return got;
}

std::string service(std::string const& name, int address, std::string const& more = "") {
    auto const n = std::to_string(address);
    return "[service." + name + "]\nmode = \"nat\"\naddress = \"10.0.0." + n + "\"\nports = [80]\n" + more + "[service." + name +
           ".server.a]\naddress = \"10.0.1." + n + "\"\n\n";
}

std::string const head = "format = 1\n[layer4]\nrise = 3\n\n";

} // namespace

TEST_CASE("only what was edited is parsed") {
    cluster_reader reader;
    auto const first = head + service("one", 1) + service("two", 2) + service("three", 3);
    REQUIRE(read_as_alone(reader, first).value);
    CHECK(reader.parsed() == first.size());

    SECTION("nothing") {
        read_as_alone(reader, first);
        CHECK(reader.parsed() == 0);
    }
    SECTION("a service edited, twice") {
        for (auto const* weight : {"weight = 5\n", "weight = 6\n"}) {
            auto const got = read_as_alone(reader, head + service("one", 1) + service("two", 2) + weight + service("three", 3));
            CHECK(got.value->services.services[1].servers[0].weight == (weight[9] == '5' ? 5 : 6));
            CHECK(reader.parsed() < head.size() + service("two", 2).size() + 20);
        }
    }
    SECTION("a service moved, added in front, removed") {
        auto const added = head + service("zero", 9) + service("two", 2) + service("one", 1);
        CHECK(read_as_alone(reader, added).value->services.services.size() == 3);
        CHECK(reader.parsed() < added.size() / 2);
        read_as_alone(reader, head + service("two", 2));
        CHECK(reader.parsed() < head.size() + 5);
        read_as_alone(reader, head);
        read_as_alone(reader, first);
    }
    SECTION("what counts for all: everything is parsed, and known again") {
        auto const other = "format = 1\n[layer4]\nrise = 4\n\n" + service("one", 1) + service("two", 2);
        CHECK(read_as_alone(reader, other).value->services.services[0].check.rise == 4);
        CHECK(reader.parsed() == other.size());
        read_as_alone(reader, other);
        CHECK(reader.parsed() == 0);
    }
    SECTION("a fault has its place in the whole, and does not stick") {
        auto const faulty = first + "[service.four]\nmode = \"no\"\n";
        auto const got = read_as_alone(reader, faulty);
        REQUIRE_FALSE(got.diagnostics.empty());
        CHECK(got.diagnostics[0].line > 15);
        read_as_alone(reader, first);
        CHECK(reader.parsed() == first.size());
        read_as_alone(reader, first);
        read_as_alone(reader, first);
        CHECK(reader.parsed() == 0);
    }
    SECTION("a text with a warning is parsed once each time") {
        auto const warned = first + "[check.unused]\ntype = \"connect\"\n";
        REQUIRE(read_as_alone(reader, warned).value);
        for (int i = 0; i < 2; ++i) {
            CHECK(read_as_alone(reader, warned).diagnostics.size() == 1);
            CHECK(reader.parsed() == warned.size());
        }
    }
    SECTION("two services that clash only with each other") {
        CHECK_FALSE(read_as_alone(reader, head + service("one", 1) + service("two", 2) + service("three", 2)).value);
    }
}

TEST_CASE("a large text is read piece by piece, in its order") {
    auto text = head;
    for (int i = 0; i < 1500; ++i) {
        text += "[service.s" + std::to_string(i) + "]\nmode = \"nat\"\naddress = \"10.64." + std::to_string(i / 250) + "." +
                std::to_string(i % 250) + "\"\nports = [80]\n[service.s" + std::to_string(i) + ".server.a]\naddress = \"10.0.1.1\"\n";
    }
    REQUIRE(text.size() > 2 * 64 * 1024);
    cluster_reader reader;
    auto const got = read_as_alone(reader, text);
    REQUIRE(got.value);
    CHECK(got.value->services.services.size() == 1500);
    CHECK(reader.parsed() == text.size());
    auto const edited = text.find("10.64.3.7\"");
    text.replace(edited, 9, "10.65.3.7");
    read_as_alone(reader, text);
    CHECK(reader.parsed() < 300);
}

TEST_CASE("a check that nobody uses any more is told") {
    cluster_reader reader;
    auto const check = head + "[check.up]\ntype = \"connect\"\n";
    auto const uses = "check = \"up\"\n";
    CHECK(read_as_alone(reader, check + service("one", 1, uses) + service("two", 2, uses)).diagnostics.empty());
    CHECK(read_as_alone(reader, check + service("one", 1) + service("two", 2, uses)).diagnostics.empty());
    CHECK(reader.parsed() < check.size() + service("one", 1).size() + 5);
    CHECK(read_as_alone(reader, check + service("one", 1) + service("two", 2)).diagnostics.size() == 1);
    CHECK(read_as_alone(reader, check + service("one", 1)).diagnostics.size() == 1);
}

TEST_CASE("certificates are looked for although the text is the same") {
    cluster_reader reader;
    auto const text = head + "[service.web]\nmode = \"http\"\naddress = \"10.0.0.1\"\ntls = { ports = [443], certificate = \"web\" }\n"
                             "ports = [80]\n[service.web.server.a]\naddress = \"10.0.1.1\"\nport = 80\n";
    surroundings around;
    around.certificates.emplace({known_certificate{"web"}});
    CHECK(read_as_alone(reader, text, around).value);
    around.certificates->clear();
    CHECK_FALSE(read_as_alone(reader, text, around).value);
    around.certificates.reset();
    CHECK(read_as_alone(reader, std::string(text), around).value); // parsed anew: nothing of the caller's text is kept
    CHECK(read_as_alone(reader, text + service("two", 2)).value);
}

TEST_CASE("texts that are not written plainly are read as a whole") {
    auto const two = service("two", 2);
    for (std::string const& text : {
             service("one", 1) + two + "[service.one.server.b]\naddress = \"10.0.1.9\"\n", // in two places
             "[ service.one ]\nmode = \"nat\"\naddress = \"10.0.0.1\"\nports = [80]\n" + two,
             "[service . one]\nmode = \"nat\"\naddress = \"10.0.0.1\"\nports = [80]\n" + two,
             "[service]\n[service.one]\nmode = \"nat\"\naddress = \"10.0.0.1\"\nports = [80]\n" + two,
             "['service'.one]\nmode = \"nat\"\naddress = \"10.0.0.1\"\nports = [80]\n" + two,
             "[service.\"o\\u006ee\"]\nmode = \"nat\"\naddress = \"10.0.0.1\"\nports = [80]\n" + two,
             "[[service.one]]\n" + two,
         }) {
        INFO(text);
        CHECK_FALSE(take_apart(head + text));
        cluster_reader reader;
        read_as_alone(reader, head + text);
        read_as_alone(reader, head + text + service("three", 3));
        read_as_alone(reader, head + text);
    }
    cluster_reader reader; // one that stands elsewhere
    auto const dotted = "format = 1\nservice.one = { mode = \"nat\", address = \"10.0.0.1\", ports = [80], server.a.address = \"10.0.1.1\" }\n" + two;
    read_as_alone(reader, dotted);
    read_as_alone(reader, dotted);
    CHECK(reader.parsed() == dotted.size());
}

TEST_CASE("headers are seen where they are, and nowhere else") {
    auto const parts = take_apart("a = 1 # [service.no]\n[service.\"GE PACS\"] # one\nx = \"\"\"\n[service.no]\n\"\"\"\n"
                                  "l = [\n[1], # ]\n[2]]\n\t[service.\"GE PACS\".server.a]\n[heartbeat]\nk = '''[service.no]\n'''\n"
                                  "[\"service\".b]");
    REQUIRE(parts);
    REQUIRE(parts->services.size() == 2);
    CHECK(parts->services[0].name == "GE PACS");
    CHECK(parts->services[0].text.ends_with("[service.\"GE PACS\".server.a]\n"));
    CHECK(parts->services[1].text == "[\"service\".b]");
    CHECK(parts->rest == "a = 1 # [service.no]\n[heartbeat]\nk = '''[service.no]\n'''\n");
    CHECK_FALSE(take_apart(std::string("a\0b", 3)));
}

TEST_CASE("any edits, one after the other, are read as if each text came alone") {
    std::vector<std::string> texts;
    for (auto const* name : {"centricity-sp1", "centricity-sp2", "mckesson-dr", "mckesson-nat"}) {
        texts.push_back(test::slurp(std::string("conf/") + name + ".toml"));
    }
    std::mt19937 random(20261123);
    auto const below = [&random](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
    std::size_t quick = 0, read = 0, good = 0;
    for (auto const& whole : texts) {
        cluster_reader reader;
        auto text = whole;
        for (int i = 0; i < 150; ++i) {
            std::vector<std::size_t> lines{0};
            for (std::size_t at = 0; (at = text.find('\n', at)) != text.npos; ) {
                lines.push_back(++at);
            }
            auto const from = lines[below(lines.size())], to = lines[below(lines.size())];
            switch (below(10)) {
            case 0: // a line goes
                text.erase(from, text.find('\n', from) == text.npos ? text.npos : text.find('\n', from) - from + 1);
                break;
            case 1: { // a line is said elsewhere too
                auto const line = text.substr(from, text.find('\n', from) - from) + "\n";
                text.insert(to, line);
                break;
            }
            case 2: // a byte is something else
                if (!text.empty()) {
                    text[below(text.size())] = "[]{}\"'.=# \nab1"[below(14)];
                }
                break;
            case 3: case 4: case 5: // a number is another
                if (auto const digit = text.find_first_of("123456789", from); digit != text.npos) {
                    text[digit] = static_cast<char>('1' + below(9));
                }
                break;
            default: // all as it was, but for a comment
                text = whole;
                text.insert(std::min(from, text.size()), "# " + std::to_string(i) + "\n");
            }
            auto const got = read_as_alone(reader, text);
            ++read;
            good += std::size_t{got.value.has_value()};
            text = got.value ? text : whole; // one fault hides the next
            quick += std::size_t{got.value && reader.parsed() < text.size() / 2};
        }
    }
    CHECK(good > read / 3);
    CHECK(quick > 50);
}
