// SPDX-License-Identifier: Apache-2.0
#include "cluster/pair_findings.hpp"

#include <catch2/catch.hpp>

using namespace dyad;
using balance::finding;
using grade = finding::grade;

namespace {

struct pair_shown {
    pair_shown() {
        node.links = {{"data", true, true, true, {}, 1, 1, 0, 0}, {"serial", true, true, true, {}, 1, 1, 0, 0}};
        replication.connected = replication.in_sync = true;
    }
    [[nodiscard]] std::vector<finding> found() const {
        return pair_findings({.self = self,
                              .node = node,
                              .running = running,
                              .servers = servers,
                              .peer_health = peer,
                              .layer4 = layer4,
                              .layer7 = layer7,
                              .not_listening = not_listening,
                              .processes = processes,
                              .replication = alone ? nullptr : &replication,
                              .relay_error = relay_error,
                              .config_dir = {},
                              .edited = edited});
    }
    /// "fine: text" of each.
    [[nodiscard]] std::vector<std::string> said() const {
        std::vector<std::string> out;
        for (auto const& f : found()) {
            out.push_back(std::string(to_string(f.is)) + ": " + (f.service.empty() ? "" : f.service + " ") + f.text);
        }
        return out;
    }
    /// Of all, one a line.
    [[nodiscard]] std::string remedies() const {
        std::string out;
        for (auto const& f : found()) {
            out += f.remedy + "\n";
        }
        return out;
    }
    [[nodiscard]] bool says(std::string const& line) const {
        auto const all = said();
        return std::find(all.begin(), all.end(), line) != all.end();
    }

    bool alone = false;
    config::node_config self;
    cluster::node_status node;
    running_config running;
    server_states servers;
    peer_health peer;
    std::vector<balance::service_status> layer4;
    std::vector<balance::service_status> layer7;
    std::map<std::string, std::string> not_listening;
    std::vector<process_info> processes;
    cluster::replicator_status replication;
    std::string relay_error;
    std::string edited;
};

} // namespace

TEST_CASE("a pair that is well") {
    CHECK(pair_shown().said() == std::vector<std::string>{"fine: link data is alive both ways", "fine: link serial is alive both ways",
                                                          "fine: both nodes run the same configuration"});
}

TEST_CASE("links that fail, and too few of them") {
    pair_shown p;
    p.node.links[0].usable = false;
    p.node.links[1].peer_hears = false;
    CHECK(p.says("fault: link data cannot be used: its interface has no carrier or not the local address"));
    CHECK(p.says("fault: link serial works one way only: the peer does not hear this node on it"));
    p.node.links.pop_back();
    CHECK(p.says("warning: there is one link only: when it fails, both nodes become active"));
    p.node.links.clear();
    p.alone = true;
    CHECK(p.said() == std::vector<std::string>{"warning: this node runs alone: nobody takes over when it dies"});
}

TEST_CASE("one silent link of several is a warning; when all are, the peer is not heard, which is said once") {
    pair_shown p;
    p.self.heartbeat_port = 7001;
    p.node.links[1].alive = false;
    CHECK(p.said() == std::vector<std::string>{"fine: link data is alive both ways",
                                               "warning: link serial is silent: nothing comes from the peer on it",
                                               "fine: both nodes run the same configuration"});
    CHECK(p.remedies().find("UDP port 7001 ") != std::string::npos);
    p.node.links[0].alive = false;
    p.replication.connected = p.replication.in_sync = false;
    CHECK(p.said() ==
          std::vector<std::string>{"fault: the peer is not heard: it is off, or Dyad does not run there, or nothing gets through"});
    CHECK(p.remedies().find("UDP port 7001 ") != std::string::npos);
}

TEST_CASE("a configuration that differs, and what is not served") {
    pair_shown p;
    p.self.replication_port = 7002;
    p.replication.in_sync = false;
    p.replication.last_error = "the disk is full";
    CHECK(p.says("fault: the peer runs another configuration than this node: the disk is full"));
    p.replication.connected = false;
    CHECK(p.says("fault: the configuration is not replicated: the disk is full"));
    CHECK(p.remedies().find("TCP port 7002 ") != std::string::npos);
    p.edited = "edited, not applied";
    p.relay_error = "no tun; load it";
    p.not_listening = {{"192.0.2.1 port 80", "taken; stop the other"}};
    p.node.maintenance = p.node.peer.maintenance = true;
    p.layer4 = {{"Web", "no scheduler; wlc is one", false, {}, {}}};
    p.layer7 = {{"Portal", "", false, {}, {}}};
    CHECK(p.says("warning: edited, not applied"));
    CHECK(p.says("fault: layer-4 connections would not survive a failover: no tun"));
    CHECK(p.says("fault: nobody listens on 192.0.2.1 port 80: taken"));
    CHECK(p.says("warning: this node is in maintenance and will not take over"));
    CHECK(p.says("warning: the peer is in maintenance and will not take over"));
    CHECK(p.says("fault: Web is not served: no scheduler"));
    for (auto const* remedy : {"load it\n", "stop the other\n", "wlc is one\n"}) {
        CHECK(p.remedies().find(remedy) != std::string::npos);
    }
}

TEST_CASE("two lists become one, of one service when it is named") {
    finding const pair{grade::fine, {}, {}, "link", {}};
    finding const web{grade::fault, "Web", {}, "is not served", {}};
    finding const server{grade::fine, "Web", "web1", "takes packets", {}};
    CHECK(merged({pair, web}, {web, server}, {}) == std::vector{pair, web, server});
    CHECK(merged({pair, web}, {web, server}, "Web") == std::vector{web, server});
    finding const deaf{grade::fault, {}, {}, "the peer is not heard", {}};
    finding const unheard{grade::untested, {}, {}, "asking needs the privilege", {}};
    finding const other{grade::fault, "Other", {}, "is not served", {}};
    CHECK(merged({deaf, pair}, {unheard, other, web}, "Web") == std::vector{deaf, unheard, web}); // it matters to Web too
    auto const json = to_json({web});
    REQUIRE(json.size() == 1);
    CHECK(json[0].at("grade") == "fault");
    CHECK(json[0].at("service") == "Web");
}
