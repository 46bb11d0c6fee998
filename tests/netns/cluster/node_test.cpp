// SPDX-License-Identifier: Apache-2.0
#include "pair.hpp"

#include <catch2/catch.hpp>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

using namespace lab;
using cluster::node_id;
using cluster::node_state;

namespace {

/// Both nodes run and believe each other; lb1 is active.
struct running_pair {
    explicit running_pair(std::function<void(cluster::node_settings&)> const& change = [](auto&) {}) {
        auto first = net.settings(node_id::primary);
        auto second = net.settings(node_id::secondary);
        change(first);
        change(second);
        one = std::make_unique<player>(net.a, first);
        REQUIRE(eventually([&] { return one->state() == node_state::active; }));
        two = std::make_unique<player>(net.b, second);
        REQUIRE(eventually([&] {
            return two->state() == node_state::passive && two->status().peer_alive && one->status().peer_alive;
        }));
    }
    machines net;
    std::unique_ptr<player> one;
    std::unique_ptr<player> two;
};

void drop_capability(unsigned which) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
    REQUIRE(::syscall(SYS_capget, &header, sets) == 0);
    sets[which / 32].effective &= ~(1u << which % 32);
    REQUIRE(::syscall(SYS_capset, &header, sets) == 0);
}

cluster::error start_error(network_namespace const& where, cluster::node_settings const& s) {
    cluster::error e;
    where.inside([&] {
        cluster::node n{s};
        auto const started = n.start();
        REQUIRE_FALSE(started.has_value());
        e = started.error();
    });
    return e;
}

} // namespace

TEST_CASE("leaving hands over at once and stops") {
    running_pair p;
    auto const begin = clock::now();
    p.one->node().leave();
    CHECK(clock::now() - begin < 2s);
    CHECK(p.one->state() == node_state::stopped);
    CHECK(p.one->node().start().error().detail == "the node has left; make a new one");
    CHECK_FALSE(has_address(p.net.a, "10.9.0.100"));
    CHECK(eventually([&] { return p.two->state() == node_state::active; }, 200ms));
}

TEST_CASE("a node that is destroyed takes its addresses off and says goodbye") {
    running_pair p{[](auto& s) { s.timing.deadtime = s.timing.initdead = 3s; }};
    p.one.reset();
    CHECK_FALSE(has_address(p.net.a, "10.9.0.100"));
    CHECK(eventually([&] { return p.two->state() == node_state::active; }, 1s));
}

TEST_CASE("a node in maintenance refuses to take over, and says why") {
    running_pair p;
    CHECK(p.two->set_maintenance(true) == "");
    CHECK(p.two->status().maintenance);
    CHECK(p.two->take_over().find("maintenance") != std::string::npos);
    CHECK(p.two->set_maintenance(false) == "");
    CHECK(p.two->take_over() == "");
}

TEST_CASE("epoch and maintenance are handed out to be kept, and a node goes on from them") {
    machines net;
    auto s = net.settings(node_id::none);
    s.links.clear();
    s.epoch = {41, node_id::primary};
    std::mutex mutex;
    cluster::epoch kept;
    net.a.inside([&] {
        cluster::node n{s};
        n.on_persist([&](cluster::epoch e, bool) {
            std::lock_guard const lock{mutex};
            kept = e;
        });
        REQUIRE(n.start().has_value());
        n.set_local_health({true, true});
        CHECK(eventually([&] { return n.status().state == node_state::active; }));
    });
    CHECK(kept.counter == 42);
}

TEST_CASE("the status names the peer, its configuration and what passes on the links") {
    running_pair p;
    cluster::sha256 hash{};
    hash.fill(7);
    p.two->node().set_config({3, 14}, hash);
    REQUIRE(eventually([&] { return p.one->status().peer_config == cluster::config_version{3, 14}; }));
    auto const s = p.one->status();
    CHECK(s.peer_config_hash == hash);
    CHECK(s.peer_name == "lb2");
    CHECK(s.peer_known);
    CHECK(s.peer.state == node_state::passive);
    CHECK(s.service_ok);
    REQUIRE(s.held.size() == 1);
    CHECK(s.held[0] == cluster::floating_address{at("10.9.0.100"), "data"});
    REQUIRE(s.links.size() == 1);
    CHECK(s.links[0].name == "data");
    CHECK(s.links[0].usable);
    CHECK(s.links[0].alive);
    CHECK(s.links[0].peer_hears);
    CHECK(s.links[0].silence < 200ms);
    CHECK(s.links[0].received > 0);
    CHECK(s.links[0].sent > 0);
    CHECK(s.links[0].lost == 0);
    CHECK(s.links[0].rejected == 0);
}

TEST_CASE("with two links the pair survives the loss of one, links are matched by name, and the loss is told") {
    machines net;
    join(net.a, "cross", net.b, "cross");
    net.a.sh("ip addr add 10.8.0.1/24 dev cross");
    net.b.sh("ip addr add 10.8.0.2/24 dev cross");
    auto first = net.settings(node_id::primary);
    auto second = net.settings(node_id::secondary);
    first.links.push_back({"cross", "cross", at("10.8.0.1"), at("10.8.0.2"), 6694});
    second.links.insert(second.links.begin(),
                        {"cross", "cross", at("10.8.0.2"), at("10.8.0.1"), 6694}); // the other order
    player one{net.a, first};
    REQUIRE(eventually([&] { return one.state() == node_state::active; }));
    player two{net.b, second};
    auto const all_alive = [&] {
        auto const s = two.status();
        return s.links.size() == 2 && s.links[0].alive && s.links[1].alive && s.links[0].peer_hears &&
               s.links[1].peer_hears;
    };
    REQUIRE(eventually(all_alive));
    net.a.sh("ip link set cross down");
    REQUIRE(eventually([&] { return !two.status().links[0].alive; }));
    CHECK(two.status().links[0].name == "cross");
    CHECK(eventually([&] { return !two.status().links[0].usable; }));
    CHECK(two.status().peer_alive);
    CHECK(one.state() == node_state::active);
    CHECK(two.state() == node_state::passive);
    CHECK(eventually([&] { return two.has_told("link cross is down"); }));
    SECTION("and it comes back") {
        net.a.sh("ip link set cross up");
        CHECK(eventually(all_alive));
    }
    SECTION("also when its interface was made anew") {
        net.a.sh("ip link del cross");
        join(net.a, "cross", net.b, "cross");
        net.a.sh("ip addr add 10.8.0.1/24 dev cross");
        net.b.sh("ip addr add 10.8.0.2/24 dev cross");
        CHECK(eventually(all_alive));
    }
}

TEST_CASE("a node whose service interface goes down while another link lives hands over") {
    machines net;
    join(net.a, "cross", net.b, "cross");
    net.a.sh("ip addr add fe80::a1/64 dev cross nodad");
    net.b.sh("ip addr add fe80::b1/64 dev cross nodad");
    auto const over_cross = [&](network_namespace const& where, node_id who, char const* local, char const* peer) {
        auto s = net.settings(who);
        where.inside([&] {
            s.links = {{"cross", "cross", at(local), at(peer), 6694}};
        }); // zones are named where they are
        return s;
    };
    player one{net.a, over_cross(net.a, node_id::primary, "fe80::a1%cross", "fe80::b1%cross")};
    REQUIRE(eventually([&] { return one.state() == node_state::active; }));
    player two{net.b, over_cross(net.b, node_id::secondary, "fe80::b1%cross", "fe80::a1%cross")};
    REQUIRE(eventually([&] { return two.state() == node_state::passive && two.status().peer_alive; }));
    CHECK(one.status().links[0].usable);
    SECTION("without carrier") { net.sw.sh("ip link set port1 down"); }
    SECTION("gone altogether") { net.sw.sh("ip link del port1"); }
    CHECK(eventually([&] { return two.state() == node_state::active; }, 500ms));
    CHECK(eventually([&] { return one.state() == node_state::passive; }));
    CHECK_FALSE(one.status().service_ok);
    CHECK_FALSE(has_address(net.a, "10.9.0.100"));
    CHECK(two.status().peer_alive);
}

TEST_CASE("a link that works one way is noticed and told with the remedy") {
    running_pair p{[](auto& s) { s.timing.deadtime = 100ms; }};
    p.net.b.sh("nft 'add table ip t; add chain ip t in { type filter hook input priority 0; }; "
               "add rule ip t in udp dport 6694 drop'");
    CHECK(eventually([&] { return p.one->has_told("link data works one way only"); }));
    CHECK_FALSE(p.one->status().links[0].peer_hears);
}

TEST_CASE("nodes with different keys are told what to do") {
    machines net;
    auto first = net.settings(node_id::primary);
    auto second = net.settings(node_id::secondary);
    second.key = cluster::key::generate();
    player one{net.a, first};
    player two{net.b, second};
    CHECK(eventually([&] { return one.has_told("give both nodes the same cluster.key"); }));
    CHECK_FALSE(one.status().peer_known);
    CHECK(one.status().links[0].rejected > 0);
}

TEST_CASE("ping nodes are counted") {
    machines net;
    auto s = net.settings(node_id::none);
    s.links.clear();
    s.ping_nodes = {at("10.9.0.9"), at("10.9.0.222"), at("fd09::9")};
    player alone{net.a, s};
    CHECK(eventually([&] { return alone.status().pings_answering == 2; }));
    CHECK(alone.status().pings_configured == 3);
    net.client.sh("ip link set data down");
    CHECK(eventually([&] { return alone.status().pings_answering == 0; }, 6s));
}

TEST_CASE("the liveness word moves while nothing happens") {
    machines net;
    auto s = net.settings(node_id::none);
    s.links.clear();
    std::atomic<std::uint64_t> word{0};
    s.liveness = &word;
    player alone{net.a, s};
    REQUIRE(eventually([&] { return alone.state() == node_state::active; }));
    auto worst = 0ms;
    for (auto const end = clock::now() + 500ms; clock::now() < end; std::this_thread::sleep_for(1ms)) {
        auto const now = std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now().time_since_epoch());
        worst = std::max(worst, std::chrono::duration_cast<milliseconds>(now - std::chrono::nanoseconds(word.load())));
    }
    CHECK(worst < s.timing.deadtime);
    alone.node().leave();
    CHECK(eventually([&] { return word == 0; })); // and is nobody's concern once the thread has ended
}

TEST_CASE("what keeps a node from starting is said in one sentence with the remedy") {
    machines net;
    auto s = net.settings(node_id::primary);
    SECTION("a second node on the same port") {
        player first{net.a, s};
        auto const e = start_error(net.a, s);
        CHECK(e.code == balance::errc::already_exists);
        CHECK(e.detail.find("is another dyadd running?") != std::string::npos);
    }
    SECTION("no privilege for addresses") {
        s.links.clear();
        s.self = node_id::none;
        net.a.inside([&] {
            drop_capability(CAP_NET_ADMIN); // of this thread alone
            cluster::node n{s};
            auto const started = n.start();
            REQUIRE_FALSE(started.has_value());
            CHECK(started.error().code == balance::errc::not_permitted);
            CHECK(started.error().detail.find("CAP_NET_ADMIN") != std::string::npos);
        });
    }
    SECTION("no link's interface exists") {
        s.links[0].interface = "eth7";
        auto const e = start_error(net.a, s);
        CHECK(e.code == balance::errc::not_found);
        CHECK(e.detail.find("link data: interface eth7") == 0);
    }
    SECTION("settings that contradict each other, all of them") {
        s.timing.deadtime = 2 * s.timing.keepalive;
        s.key.reset();
        auto const e = start_error(net.a, s);
        CHECK(e.code == balance::errc::invalid_configuration);
        CHECK(e.detail.find("deadtime must be longer than twice keepalive") != std::string::npos);
        CHECK(e.detail.find("links need the pair's key") != std::string::npos);
    }
}

TEST_CASE("a node whose address comes later starts, and its link comes up with the address") {
    machines net;
    net.a.sh("ip addr del 10.9.0.1/24 dev data");
    player one{net.a, net.settings(node_id::primary)};
    player two{net.b, net.settings(node_id::secondary)};
    CHECK_FALSE(one.status().links.at(0).usable);
    CHECK(eventually([&] { return two.state() == node_state::active; }));
    net.a.sh("ip addr add 10.9.0.1/24 dev data");
    CHECK(eventually([&] { return one.status().peer_alive && two.status().peer_alive; }));
    CHECK(one.status().links.at(0).usable);
}

TEST_CASE("the set of floating IPs can change while the node is active") {
    running_pair p;
    p.one->node().set_floating({{at("10.9.0.101"), ""}, {at("10.9.0.102"), "data"}});
    CHECK(eventually(
        [&] { return p.one->status().held.size() == 2 && p.one->status().held[0].address == at("10.9.0.101"); }));
    CHECK_FALSE(has_address(p.net.a, "10.9.0.100"));
    CHECK(has_address(p.net.a, "10.9.0.102"));
    CHECK(p.one->state() == node_state::active);
}
