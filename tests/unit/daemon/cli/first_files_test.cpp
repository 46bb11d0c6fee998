// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cli/first_files.hpp>

#include <algorithm>
#include <config/config.hpp>

using namespace dyad::cli;
using boost::asio::ip::make_address;

namespace {

/// As an operator does it: takes the # away.
std::string uncommented(std::string text, std::string_view from) {
    auto const begin = text.find(from);
    REQUIRE(begin != std::string::npos);
    auto tail = text.substr(begin);
    for (auto at = tail.find("# "); at != std::string::npos; at = tail.find("# ", at + 1)) {
        if (at == 0 || tail[at - 1] == '\n') {
            tail.erase(at, 2);
        }
    }
    return text.substr(0, begin) + tail;
}

} // namespace

TEST_CASE("init: the first files have no fault, for any machine") {
    for (auto const& m : std::vector<machine>{
             {},
             {"lb2.example.org", {{"eth0", make_address("192.0.2.12")}}},
             {"ü", {{"br-x.1", make_address("2001:db8::12")}, {"br-x.1", make_address("192.0.2.9")}}}}) {
        auto const node = dyad::config::parse_node(first_node_file(m), "node.toml", {});
        CHECK(node.diagnostics.empty());
        CHECK(node.value);
        auto const cluster = dyad::config::parse_cluster(first_cluster_file(m), "cluster.toml", {});
        CHECK(cluster.diagnostics.empty());
        CHECK(cluster.value);
    }
}

TEST_CASE("init: the machine's name and addresses are in the files") {
    machine const m{"lb2.example.org", {{"eth0", make_address("192.0.2.12")}, {"eth1", make_address("2001:db8::12")}}};
    auto const node = dyad::config::parse_node(first_node_file(m), "node.toml", {});
    REQUIRE(node.value);
    CHECK(node.value->name == "lb2");

    auto text = uncommented(first_node_file(m), "# [link.");
    for (auto const* peer : {"192.0.2.11", "2001:db8::11"}) {
        text.replace(text.find("peer = \"\""), 9, "peer = \"" + std::string(peer) + "\"");
    }
    auto const linked = dyad::config::parse_node(text, "node.toml", {true, std::nullopt});
    REQUIRE(linked.value);
    REQUIRE(linked.value->links.size() == 2);
    CHECK(linked.value->links[0].interface == "eth0");
    CHECK(linked.value->links[0].local == make_address("192.0.2.12"));
    CHECK(linked.value->links[1].interface == "eth1");
    CHECK(first_cluster_file(m).find("192.0.2.12") != std::string::npos);
}

TEST_CASE("init: this machine can be asked") {
    auto const m = this_machine();
    CHECK_FALSE(m.hostname.empty());
    CHECK(std::none_of(m.addresses.begin(), m.addresses.end(), [](auto const& a) { return a.address.is_loopback(); }));
}
