// SPDX-License-Identifier: Apache-2.0
#include "cluster/running_config.hpp"

#include <balance/validate.hpp>

#include <catch2/catch.hpp>

namespace {

std::string text(std::string const& services) { return "format = 1\n" + services; }

std::string service(std::string const& name, std::string const& ports, std::string const& weight = "100") {
    return "[service." + name + "]\nmode = \"dr\"\naddress = \"10.0.0.9\"\nports = " + ports +
           "\nbalance = \"wrr\"\n[service." + name + ".server.one]\naddress = \"10.0.1.1\"\nweight = " + weight + "\n";
}

dyad::running_config made_of(cluster::generation const& before, std::string const& cluster_text) {
    dyad::config::cluster_reader reader;
    auto next = dyad::next_generation(before, cluster_text, {}, "uid 0", 1, reader);
    REQUIRE(next.has_value());
    auto understood = dyad::understand(*next, reader);
    REQUIRE(understood.has_value());
    return *understood;
}

} // namespace

TEST_CASE("a mark once given stays with its service, and is not given to another") {
    auto const first = made_of({}, text(service("a", "[80, 443]")));
    REQUIRE(first.cluster.services.marks.size() == 1);
    auto const mark = first.cluster.services.marks.front().second;
    CHECK(mark >= balance::first_reserved_mark);

    auto const second = made_of(first.generation, text(service("b", "[81, 444]") + service("a", "[80, 443]")));
    auto const& marks = second.cluster.services.marks;
    REQUIRE(marks.size() == 2);
    for (auto const& [name, value] : marks) {
        CHECK((value == mark) == (name == "a"));
    }
    CHECK(second.generation.version == cluster::config_version{1, 2});
}

TEST_CASE("a faulty text makes no generation and names its place") {
    dyad::config::cluster_reader reader;
    auto const next = dyad::next_generation({}, "format = 1\nnonsense = 3\n", {}, "uid 0", 1, reader);
    REQUIRE_FALSE(next.has_value());
    CHECK(next.error().code == balance::errc::invalid_configuration);
    CHECK(next.error().detail.find("cluster.toml:2:") == 0);
}

TEST_CASE("differences name objects, and equal configurations have none") {
    auto const before = made_of({}, text(service("a", "[80]") + service("b", "[81]")));
    auto const after = made_of(before.generation, text(service("a", "[80]", "7") + service("c", "[82]")));
    CHECK(dyad::differences(before.cluster, before.cluster).empty());

    auto const changes = dyad::differences(before.cluster, after.cluster);
    REQUIRE(changes.size() == 3);
    CHECK(changes[0].object == "service b");
    CHECK(changes[0].change == "remove");
    CHECK(changes[1].object == "service a server one");
    CHECK(changes[1].text == "weight: 100 -> 7");
    CHECK(changes[2].object == "service c");
    CHECK(changes[2].change == "add");
}

TEST_CASE("floating IPs go to the interface that node.toml names for their network") {
    auto const running =
        made_of({}, text("[floating_ip.\"10.0.0.200\"]\nnetwork = \"clients\"\n" + service("a", "[80]")));
    dyad::config::node_config self;
    self.networks["clients"] = "eth7";
    auto const placed = dyad::place(running.cluster, self);
    REQUIRE(placed.size() == 2);
    CHECK(placed[0].interface.empty());
    CHECK(placed[1].interface == "eth7");
}

TEST_CASE("a certificate that comes, goes or is another one is a difference that says nothing of its content") {
    auto before = made_of({}, text(service("a", "[80]")));
    auto after = before;
    before.generation.files.emplace_back("certificates/old.pem", "secret 1");
    before.generation.files.emplace_back("certificates/web.pem", "secret 2");
    after.generation.files.emplace_back("certificates/new.pem", "secret 3");
    after.generation.files.emplace_back("certificates/web.pem", "secret 4");
    auto const changes = dyad::differences(before, after);
    CHECK(dyad::in_short(changes) ==
          "- file certificates/old.pem; + file certificates/new.pem; ~ file certificates/web.pem (another content)");
}

TEST_CASE("changes in short are bounded in number and length") {
    std::vector<dyad::config_change> const many(20, {"service x", "change", std::string(1000, 'y')});
    auto const shown = dyad::in_short(many);
    CHECK(shown.size() < 12 * 180);
    CHECK(shown.find("; and 8 more") != std::string::npos);
    CHECK(dyad::in_short({}) == "no object differs");
    // Not cut within a letter.
    CHECK(dyad::in_short({{std::string(159, 'a') + "\xc3\xa9\xc3\xa9", "add", ""}}) ==
          "+ " + std::string(159, 'a') + "...");
}

TEST_CASE("a generation is named by its number, or with its term") {
    std::vector<cluster::config_version> const kept{{2, 7}, {1, 7}, {1, 6}};
    CHECK(dyad::find_version("6", kept).value() == cluster::config_version{1, 6});
    CHECK(dyad::find_version("2.7", kept).value() == cluster::config_version{2, 7});
    auto const several = dyad::find_version("7", kept);
    CHECK(several.error().code == balance::errc::refused);
    CHECK(several.error().detail.find("2.7 or 1.7") != std::string::npos);
    for (auto const* nonsense : {"", "5", "1.", "06", "1.6.1", "-6"}) {
        CHECK(dyad::find_version(nonsense, kept).error().code == balance::errc::not_found);
    }
}

TEST_CASE("two generations say the same when only their marks differ") {
    cluster::generation const a{{1, 1}, {{"cluster.toml", "x"}, {"marks", "a 1\n"}}, {}, 0};
    cluster::generation b{{1, 2}, {{"cluster.toml", "x"}, {"marks", ""}}, {}, 0};
    CHECK(dyad::same_content(a, b));
    b.files.emplace_back("certificates/web.pem", "");
    CHECK_FALSE(dyad::same_content(a, b));
}

TEST_CASE("the owner of the configuration goes from generation to generation, and is no operator's file") {
    auto first = made_of({}, text(service("a", "[80]"))).generation;
    CHECK(dyad::owner_of(first) == cluster::node_id::primary);
    auto promoted = first;
    dyad::set_owner(promoted, cluster::node_id::secondary);
    CHECK(dyad::owner_of(promoted) == cluster::node_id::secondary);
    CHECK_FALSE(dyad::same_content(first, promoted));
    CHECK_FALSE(dyad::is_operators(dyad::owner_file));
    CHECK(std::is_sorted(promoted.files.begin(), promoted.files.end()));

    auto next = made_of(promoted, text(service("b", "[81]"))).generation;
    CHECK(dyad::owner_of(next) == cluster::node_id::secondary);
    dyad::set_owner(next, cluster::node_id::primary);
    CHECK(dyad::owner_of(next) == cluster::node_id::primary);
    CHECK(dyad::file_of(next, dyad::owner_file).empty());
}
