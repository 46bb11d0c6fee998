// SPDX-License-Identifier: Apache-2.0
#include "capture.hpp"
#include "net/announce_frames.hpp"
#include "net/network_monitor.hpp"
#include "pair.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

using namespace lab;
using cluster::node_id;
using cluster::node_state;

namespace {

template <class Frame>
std::vector<capture::frame> same(std::vector<capture::frame> const& all, Frame const& f) {
    std::vector<capture::frame> out;
    std::copy_if(all.begin(), all.end(), std::back_inserter(out), [&](capture::frame const& c) {
        return c.bytes.size() >= f.size() && std::equal(f.begin(), f.end(), c.bytes.begin());
    });
    return out;
}

} // namespace

TEST_CASE("a node that becomes active tells the network in both ways of ARP and by neighbour advertisement") {
    machines net;
    auto s = net.settings(node_id::none);
    s.links.clear();
    s.key.reset();
    s.floating.push_back({at("fd09::100"), ""});
    capture const wire{net.client, "data"};
    net.a.sh("echo 0 > /proc/sys/net/ipv6/conf/data/forwarding");
    player alone{net.a, s};
    REQUIRE(eventually([&] { return alone.state() == node_state::active; }));

    auto const mac = net.a.get([] { return cluster::net::network_monitor::open()->view().find("data")->mac; });
    auto const vip = at("10.9.0.100").to_v4();
    auto const request = gratuitous_arp(cluster::net::arp_operation::request, mac, vip);
    auto const reply = gratuitous_arp(cluster::net::arp_operation::reply, mac, vip);
    auto const advertisement = cluster::net::unsolicited_advertisement(mac, at("fd09::100").to_v6(), false);
    REQUIRE(eventually([&] { return same(wire.frames(), request).size() >= 3; }));
    auto const frames = wire.frames();
    CHECK(same(frames, reply).size() >= 2);
    CHECK(same(frames, advertisement).size() >= 2);
    auto const at_times = same(frames, request);
    auto const second = at_times[1].at - at_times[0].at;
    CHECK(second > 150ms);
    CHECK(second < 600ms);
}

namespace {

cluster::net::mac_address mac_of(network_namespace const& n) {
    return n.get([] { return cluster::net::network_monitor::open()->view().find("data")->mac; });
}

/// Does the client's neighbour table say that the floating IP is at this machine?
bool client_knows(machines const& net, network_namespace const& machine) {
    auto const m = mac_of(machine);
    std::array<char, 18> text{};
    std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    return net.client.output("ip neighbour show 10.9.0.100").find(text.data()) != std::string::npos;
}

} // namespace

TEST_CASE("the client's neighbour entry follows the address") {
    machines net;
    player one{net.a, net.settings(node_id::primary)};
    REQUIRE(eventually([&] { return one.state() == node_state::active; }));
    player two{net.b, net.settings(node_id::secondary)};
    REQUIRE(eventually([&] { return two.state() == node_state::passive && two.status().peer_alive; }));
    net.client.sh("ping -c 1 -W 2 10.9.0.100 > /dev/null");
    CHECK(client_knows(net, net.a));
    REQUIRE(two.take_over() == "");
    CHECK(eventually([&] { return client_knows(net, net.b); }, 500ms));
}

TEST_CASE("while a dead node's kernel still answers the announcements go on, and the client ends up right") {
    machines net;
    net.a.sh("ip addr add 10.9.0.100/32 dev data"); // a node that died in a way that left its address
    player two{net.b, net.settings(node_id::secondary)};
    REQUIRE(eventually([&] { return two.state() == node_state::active; }));
    CHECK(eventually([&] { return two.has_told("10.9.0.100 is answered for by"); }));
    capture const wire{net.client, "data"};
    auto const claim = gratuitous_arp(cluster::net::arp_operation::request, mac_of(net.b), at("10.9.0.100").to_v4());
    REQUIRE(eventually([&] { return two.status().in_state > 2300ms; }));
    // From here to 5 s the schedule has nothing: what comes is because of the answers.
    auto const before = same(wire.frames(), claim).size();
    REQUIRE(eventually([&] { return same(wire.frames(), claim).size() >= before + 2; }, 2s));
    net.client.sh("ip neighbour replace 10.9.0.100 lladdr 02:00:00:00:00:99 dev data nud reachable");
    net.a.sh("ip addr del 10.9.0.100/32 dev data");
    CHECK(eventually([&] { return client_knows(net, net.b); }, 1s));
}
