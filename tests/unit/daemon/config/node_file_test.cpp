// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <catch2/catch.hpp>

#include <config/config.hpp>

using namespace dyad::config;

TEST_CASE("node.toml: every key arrives") {
    auto const got = parse_node(R"(
format = 1
name = "lb2.example"
role = "secondary"
real_time = false
[link.zeta]
interface = "eth0"
local = "192.0.2.12"
peer = "192.0.2.11"
[link.alpha]
interface = "eth1"
local = "2001:db8::12"
peer = "2001:db8::11"
[network.clients]
interface = "eth2"
[firewall]
script = "/x/firewall.sh"
timeout = "90s"
auto_nat = "eth3"
[witness]
program = "/x/fence.sh"
timeout = "4s"
pause = "500ms"

[notify]
on_state = "/x/state.sh"
on_address = "/x/address.sh"
timeout = "2m"
[proxy]
finish_within = "30m"
[ports]
heartbeat = 16694
replication = 17778
fallback_page = 19081
web = 19443
)",
                                "node.toml", {true, std::nullopt});
    CHECK(got.diagnostics.empty());
    REQUIRE(got.value);
    node_config want;
    want.name = "lb2.example";
    want.role = cluster::node_id::secondary;
    want.real_time = false;
    using boost::asio::ip::make_address;
    want.links = {{"zeta", "eth0", make_address("192.0.2.12"), make_address("192.0.2.11"), 16694},
                  {"alpha", "eth1", make_address("2001:db8::12"), make_address("2001:db8::11"), 16694}};
    want.networks = {{"clients", "eth2"}};
    want.heartbeat_port = 16694;
    want.replication_port = 17778;
    want.fallback_port = 19081;
    want.web_port = 19443;
    want.firewall_script = "/x/firewall.sh";
    want.firewall_timeout = std::chrono::seconds(90);
    want.auto_nat_interface = "eth3";
    want.witness = {"/x/fence.sh", std::chrono::seconds(4), std::chrono::milliseconds(500)};
    want.notify = {"/x/state.sh", "/x/address.sh", std::chrono::minutes(2)};
    want.proxy_finish_within = std::chrono::minutes(30);
    CHECK(*got.value == want);
}

TEST_CASE("node.toml: what is left out has its default") {
    auto const got = parse_node("format = 1\nname = \"lb1\"\nrole = \"primary\"\n", "node.toml", {});
    CHECK(got.diagnostics.empty());
    REQUIRE(got.value);
    node_config want;
    want.name = "lb1";
    CHECK(*got.value == want);
    CHECK(got.value->heartbeat_port == 6694);
    CHECK(got.value->replication_port == 7778);
    CHECK(got.value->fallback_port == 9081);
    CHECK(got.value->web_port == 9443);
    CHECK(got.value->real_time);
}

TEST_CASE("node.toml: a diagnostic without a place shows the file only") {
    CHECK(to_string(diagnostic{"a", 0, 0, "m", false}) == "a: m");
    CHECK(to_string(diagnostic{"a", 3, 4, "m", true}) == "a:3:4: warning: m");
}

TEST_CASE("pair.toml: what is written is what is read") {
    pair_config const written{
        cluster::node_id::secondary,
        {{"pair", "eth0", balance::parse_address("10.0.0.1").value(), balance::parse_address("10.0.0.2").value()},
         {"data x", "eth1", balance::parse_address("fd00::1").value(), balance::parse_address("fd00::2").value()}}};
    auto const read = parse_pair(pair_text(written), "pair.toml");
    CAPTURE(pair_text(written));
    REQUIRE(read.value);
    CHECK(*read.value == written);
    pair_config const bare{cluster::node_id::primary, {}};
    CHECK(parse_pair(pair_text(bare), "pair.toml").value == bare);
}

TEST_CASE("pair.toml: what is wrong is named with its place") {
    for (auto const* text : {"", "format = 1\n", "format = 1\nrole = \"boss\"\n", "format = 1\nrole = \"primary\"\nname = \"x\"\n",
                             "format = 1\nrole = \"primary\"\n[link.a]\ninterface = \"eth0\"\n"}) {
        CAPTURE(text);
        auto const read = parse_pair(text, "pair.toml");
        CHECK_FALSE(read.value);
        REQUIRE_FALSE(read.diagnostics.empty());
        CHECK(to_string(read.diagnostics.front()).find("pair.toml:") == 0);
    }
}

TEST_CASE("pair.toml: its role counts, and its link where node.toml names none") {
    node_config node;
    node.name = "lb2";
    node.heartbeat_port = 7000;
    pair_config const pair{cluster::node_id::secondary,
                           {{"pair", "eth0", balance::parse_address("10.0.0.1").value(), balance::parse_address("10.0.0.2").value()}}};
    auto const both = joined(node, pair);
    CHECK(both.role == cluster::node_id::secondary);
    REQUIRE(both.links.size() == 1);
    CHECK(both.links[0].name == "pair");
    CHECK(both.links[0].port == 7000);

    node.links = {{"data", "eth1", balance::parse_address("10.0.1.1").value(), balance::parse_address("10.0.1.2").value()}};
    CHECK(joined(node, pair).links == node.links);
    CHECK(parse_node("format = 1\nname = \"a\"\nrole = \"primary\"\n", "node.toml", {true, std::nullopt, true}).value);
    CHECK_FALSE(parse_node("format = 1\nname = \"a\"\nrole = \"primary\"\n", "node.toml", {true, std::nullopt, false}).value);
}
