// SPDX-License-Identifier: Apache-2.0
// What a client sees when the active node dies, freezes or hands over.
#include "client.hpp"
#include "pair.hpp"
#include "process.hpp"

#include <catch2/catch.hpp>

#include <csignal>

using namespace lab;
using cluster::node_id;
using cluster::node_state;

namespace {

/// A pair whose primary is a process of its own and active, with a client that is being served.
struct served {
    explicit served(std::string address = "10.9.0.100", std::function<void(cluster::node_settings&)> const& change = {})
        : vip(std::move(address)) {
        auto first = net.settings(node_id::primary);
        auto second = net.settings(node_id::secondary);
        if (change) {
            change(first);
            change(second);
        }
        deadtime = first.timing.deadtime;
        victim = std::make_unique<node_process>(net.a, first);
        REQUIRE(eventually([&] { return has_address(net.a, vip); }));
        survivor = std::make_unique<player>(net.b, second);
        REQUIRE(eventually([&] { return survivor->state() == node_state::passive && survivor->status().peer_alive; }));
        REQUIRE(eventually([&] { return client.answers() > 20 && survivor->status().in_state > 2 * deadtime; }));
        client.begin();
    }
    machines net;
    std::string vip;
    milliseconds deadtime{};
    echo_server server{net.b, vip};
    probing_client client{net.client, vip};
    std::unique_ptr<node_process> victim;
    std::unique_ptr<player> survivor;
};

void use_ipv6(cluster::node_settings& s) {
    bool const first = s.self == node_id::primary;
    s.links[0].local = at(first ? "fd09::1" : "fd09::2");
    s.links[0].peer = at(first ? "fd09::2" : "fd09::1");
    s.floating = {{at("fd09::100"), ""}};
}

/// Until a client was served by the survivor, deadtime + 200 ms may pass; the dead node's address then expires.
void check_kill(served& s) {
    s.victim->kill();
    auto const killed = clock::now();
    REQUIRE(eventually([&] { return s.survivor->state() == node_state::active; }));
    auto const answers = s.client.answers();
    REQUIRE(eventually([&] { return s.client.answers() > answers + 20; }));
    CHECK(s.client.longest_gap_ms() < static_cast<double>(s.deadtime.count()) + 200);
    CHECK(has_address(s.net.b, s.vip));
    CHECK(eventually([&] { return !has_address(s.net.a, s.vip); }));
    CHECK(clock::now() - killed < 3s);
}

} // namespace

TEST_CASE("after kill -9 of the active node the peer serves within deadtime, and the orphaned address expires") {
    served s;
    check_kill(s);
    INFO(s.survivor->story());
    CHECK(s.survivor->has_told("the peer is dead"));
}

TEST_CASE("the same over IPv6") {
    served s{"fd09::100", use_ipv6};
    check_kill(s);
}

TEST_CASE("a node that was stopped finds out and stays passive when it goes on") {
    served s;
    s.victim->signal(SIGSTOP);
    REQUIRE(eventually([&] { return s.survivor->state() == node_state::active; }));
    REQUIRE(eventually([&] { return !has_address(s.net.a, s.vip); }));
    s.client.begin();
    s.victim->signal(SIGCONT);
    REQUIRE(eventually(
        [&] { return s.survivor->status().peer_alive && s.survivor->status().peer.state == node_state::passive; }));
    CHECK(s.survivor->state() == node_state::active);
    CHECK_FALSE(has_address(s.net.a, s.vip));
    CHECK(has_address(s.net.b, s.vip));
}

TEST_CASE("a planned hand-over is hardly noticed, and goes back and forth") {
    served s;
    for (int i = 0; i < 3; ++i) {
        s.client.begin();
        CHECK(s.survivor->take_over() == "");
        auto answers = s.client.answers();
        REQUIRE(eventually([&] { return s.client.answers() > answers + 20; }));
        auto const there = s.client.longest_gap_ms();
        s.client.begin();
        CHECK(s.survivor->hand_over() == "");
        answers = s.client.answers();
        REQUIRE(eventually([&] { return s.client.answers() > answers + 20; }));
        auto const back = s.client.longest_gap_ms();
        WARN("longest gap of a client: take-over " << there << " ms, hand-over " << back << " ms");
        CHECK(there < 100);
        CHECK(back < 100);
    }
}

TEST_CASE("keepalive 5 ms and deadtime 20 ms work") {
    served s{"10.9.0.100", [](cluster::node_settings& n) {
                 n.timing.keepalive = 5ms;
                 n.timing.warntime = 10ms;
                 n.timing.deadtime = 20ms;
             }};
    s.client.begin();
    s.victim->kill();
    REQUIRE(eventually([&] { return s.survivor->state() == node_state::active; }));
    auto const answers = s.client.answers();
    REQUIRE(eventually([&] { return s.client.answers() > answers + 20; }));
    WARN("kill -9 with deadtime 20 ms: longest gap " << s.client.longest_gap_ms() << " ms");
    CHECK(s.client.longest_gap_ms() < 220);
}

TEST_CASE("a parent takes the addresses off and says goodbye for a node that froze: the peer serves at once") {
    machines net;
    echo_server one{net.a, "10.9.0.100"};
    echo_server two{net.b, "10.9.0.100"};
    auto first = net.settings(node_id::primary);
    auto second = net.settings(node_id::secondary);
    first.timing.deadtime = second.timing.deadtime = 5s; // so that only the goodbye can be the reason
    first.timing.initdead = second.timing.initdead = 5s;
    player frozen{net.a, first};
    player peer{net.b, second};
    REQUIRE(
        eventually([&] { return frozen.state() == node_state::active || peer.state() == node_state::active; }, 10s));
    if (frozen.state() != node_state::active) {
        REQUIRE(frozen.take_over() == "");
    }
    REQUIRE(eventually([&] { return peer.state() == node_state::passive; }));
    auto const goodbyes = frozen.node().sealed_goodbyes();
    REQUIRE(goodbyes.size() == 1);
    net.a.inside([&] {
        CHECK(cluster::remove_addresses(first.floating).has_value());
        CHECK(cluster::remove_addresses({{at("192.0.2.1"), "nowhere"}}).has_value());
        CHECK(cluster::send_sealed(goodbyes).has_value());
    });
    REQUIRE(eventually([&] { return peer.state() == node_state::active; }, 1s));
}
