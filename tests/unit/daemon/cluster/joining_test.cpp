// SPDX-License-Identifier: Apache-2.0
#include "cluster/joining.hpp"
#include "cluster/state_files.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <fstream>

namespace fs = std::filesystem;

namespace {

dyad::lone_node const lb2{"lb2", 6694, 7778, {"cross", "data"}, false, 0};
cluster::pairing_introduction const lb1{"lb1", 6694, 7778, {"data", "cross"}};

dyad::config::pair_config const secondary{
    cluster::node_id::secondary,
    {dyad::pairing_link(boost::asio::ip::make_address("10.0.0.2"), boost::asio::ip::make_address("10.0.0.1"), "eth0")}};

void write(fs::path const& file, std::string const& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

} // namespace

TEST_CASE("joining: a lone node without services may, whatever the order of the links") {
    CHECK(dyad::objection(lb2).empty());
    CHECK(dyad::objection(lb2, lb1).empty());
}

TEST_CASE("joining: every reason against it is said") {
    auto const says = [](dyad::lone_node const& self, cluster::pairing_introduction const& other, char const* part) {
        auto const why = dyad::objection(self, other);
        CAPTURE(why);
        CHECK(why.find(part) != std::string::npos);
    };
    auto self = lb2;
    self.has_pair = true;
    says(self, lb1, "has a pair already");
    self = lb2;
    self.services = 3;
    says(self, lb1, "lb2 has 3 services");
    CHECK_FALSE(dyad::objection(self).empty());
    self = lb2;
    self.name = "lb1";
    says(self, lb1, "both nodes are called lb1");
    self = lb2;
    self.heartbeat_port = 6695;
    says(self, lb1, "heartbeat 6694 and 6695");
    self = lb2;
    self.replication_port = 7779;
    says(self, lb1, "replication 7778 and 7779");
    self = lb2;
    self.links = {};
    says(self, lb1, "lb1 has cross, data, lb2 has none");
}

TEST_CASE("joining: the secondary sets aside what is its own, and keeps the key to itself") {
    test::temporary_directory const d;
    auto const config = d.path() / "etc";
    auto const state = d.path() / "lib";
    write(config / "cluster.toml", "mine");
    write(state / "generations" / "current", "5");
    write(state / "servers.json", "words");
    auto const key = cluster::key::generate();
    REQUIRE(dyad::join_as_secondary(config, state, secondary, key));
    CHECK(dyad::read_file(config / "cluster.toml.before-pairing").value() == "mine");
    CHECK(dyad::read_file(state / "generations.before-pairing" / "current").value() == "5");
    CHECK_FALSE(fs::exists(state / "generations"));
    CHECK_FALSE(fs::exists(state / "servers.json"));
    CHECK(dyad::config::parse_pair(dyad::read_file(config / "pair.toml").value(), "pair.toml").value == secondary);
    CHECK(cluster::key::load(config / "cluster.key").has_value());
}

TEST_CASE("joining: with a key that is there already, nothing changes") {
    test::temporary_directory const d;
    auto const config = d.path() / "etc";
    auto const state = d.path() / "lib";
    write(config / "cluster.key", "somebody's");
    write(state / "generations" / "current", "5");
    auto const joined = dyad::join_as_secondary(config, state, secondary, cluster::key::generate());
    REQUIRE_FALSE(joined);
    CHECK(joined.error().code == balance::errc::already_exists);
    CHECK(dyad::read_file(config / "cluster.key").value() == "somebody's");
    CHECK(dyad::read_file(state / "generations" / "current").value() == "5");
    CHECK_FALSE(fs::exists(config / "pair.toml"));
}

TEST_CASE("joining: what could not be read at the next start is not written") {
    test::temporary_directory const d;
    auto strange = secondary;
    strange.links[0].interface.clear();
    auto const joined = dyad::join_pair(d.path(), strange, cluster::key::generate());
    REQUIRE_FALSE(joined);
    CHECK(joined.error().detail.find("pair.toml:") != std::string::npos);
    CHECK(fs::is_empty(d.path()));
}

TEST_CASE("joining: this machine's addresses, without loopback and floating ones") {
    CHECK(dyad::interface_with(boost::asio::ip::make_address("127.0.0.1")) == "lo");
    CHECK(dyad::interface_with(boost::asio::ip::make_address("192.0.2.77")).empty());
    for (auto const& a : dyad::own_addresses({})) {
        CHECK_FALSE(a.is_loopback());
        auto const without = dyad::own_addresses({a});
        CHECK(std::find(without.begin(), without.end(), a) == without.end());
    }
}

TEST_CASE("parting: the node that goes on loses the key and nothing else") {
    test::temporary_directory const d;
    write(d.path() / "cluster.key", "key");
    write(d.path() / "pair.toml", "pair");
    write(d.path() / "cluster.toml", "services");
    REQUIRE(dyad::leave_pair(d.path()));
    CHECK_FALSE(fs::exists(d.path() / "cluster.key"));
    CHECK_FALSE(fs::exists(d.path() / "pair.toml"));
    CHECK(dyad::read_file(d.path() / "cluster.toml").value() == "services");
    CHECK(dyad::leave_pair(d.path())); // again: nothing to do
}

TEST_CASE("parting: the node that goes serves nothing, and keeps what it had") {
    test::temporary_directory const d;
    auto const config = d.path() / "etc";
    auto const state = d.path() / "lib";
    write(config / "cluster.key", "key");
    write(config / "cluster.toml", "services");
    write(state / "generations" / "current", "5");
    REQUIRE(dyad::leave_pair_empty(config, state));
    CHECK(dyad::read_file(config / "cluster.toml.before-unpairing").value() == "services");
    CHECK(dyad::config::parse_cluster(dyad::read_file(config / "cluster.toml").value(), "cluster.toml", {}).value);
    CHECK(dyad::read_file(state / "generations.before-unpairing" / "current").value() == "5");
    CHECK_FALSE(fs::exists(state / "generations"));
    CHECK_FALSE(fs::exists(config / "cluster.key"));
}
