// SPDX-License-Identifier: Apache-2.0
#include "doctor/inquiry.hpp"

#include <catch2/catch.hpp>

using namespace balance;
using namespace balance::doctor;

namespace {

auto const ip4 = [](char const* text) { return boost::asio::ip::make_address_v4(text); };
auto const any = [](char const* text) { return boost::asio::ip::make_address(text); };

constexpr mac_address mac_eth0{2, 0, 0, 0, 0, 1};
constexpr mac_address mac_eth1{2, 0, 0, 0, 0, 2};
constexpr mac_address mac_web1{0x52, 0x54, 0, 0, 0, 0x20};
constexpr mac_address mac_web2{0x52, 0x54, 0, 0, 0, 0x21};
constexpr mac_address thief{0xde, 0xad, 0, 0, 0, 1};

station const clients_side{2, "eth0", mac_eth0, 1500};
station const servers_side{3, "eth1", mac_eth1, 1500};

/// Clients on eth0 (203.0.113.0/24), servers on eth1 (198.51.100.0/24); a configuration is made in each test.
struct town {
    town() {
        around.stations = {clients_side, servers_side};
        around.networks = {{"eth0", any("203.0.113.9"), 24}, {"eth1", any("198.51.100.9"), 24}};
        around.stranger = ip4("192.0.2.1");
    }

    virtual_service& add(std::string name, mode m, char const* address = "203.0.113.100") {
        virtual_service s;
        s.name = std::move(name);
        s.mode = m;
        s.address = any(address);
        s.ports = {{80, 80}};
        s.servers = {{"web1", any("198.51.100.20"), 0, 100, 0, 0}, {"web2", any("198.51.100.21"), 0, 100, 0, 0}};
        c.services.push_back(std::move(s));
        around.floating.insert(ip4(address));
        return c.services.back();
    }

    std::vector<service_view> views(std::string const& only = {}) {
        return views_of(c, states, only, around, [&](address_v4 a) {
            ++routes_asked;
            auto const w = ways.find(a);
            return w != ways.end() ? w->second : way{way::kind::neighbour, {}, servers_side, ip4("198.51.100.9"), {}};
        });
    }

    /// Both servers are there.
    [[nodiscard]] arp_answers found() const {
        return {{{3, ip4("198.51.100.20")}, std::set{mac_web1}}, {{3, ip4("198.51.100.21")}, std::set{mac_web2}}};
    }

    configuration c;
    std::vector<server_state> states;
    surroundings around;
    std::map<address_v4, way> ways;
    int routes_asked = 0;
};

} // namespace

TEST_CASE("ARP asks for servers where they are, and for the services' addresses where clients ask") {
    town t;
    t.add("Direct", mode::dr);
    t.add("Translated", mode::nat, "203.0.113.101");
    t.add("Tunnel", mode::tun, "203.0.113.102");
    t.add("Source", mode::snat, "203.0.113.103");
    auto const views = t.views();
    CHECK(t.routes_asked == 2); // each address once
    auto const asked = arp_questions_of(views, t.around);
    REQUIRE(asked.size() == 7);
    for (auto const* service : {"203.0.113.100", "203.0.113.101", "203.0.113.102", "203.0.113.103"}) {
        CHECK(asked.at({2, ip4(service)}).everyone);
        CHECK(asked.at({2, ip4(service)}).from == mac_eth0);
    }
    CHECK_FALSE(asked.at({3, ip4("198.51.100.20")}).everyone); // enough when it has answered
    CHECK(asked.at({3, ip4("198.51.100.20")}).from == mac_eth1);
    CHECK(asked.contains({3, ip4("198.51.100.21")}));
    CHECK(asked.contains({3, ip4("203.0.113.100")})); // do dr servers answer for it?

    t.around.active = false; // the addresses are the peer's, who answers for them
    auto const passive = arp_questions_of(t.views(), t.around);
    CHECK(passive.size() == 3);
    CHECK_FALSE(passive.contains({2, ip4("203.0.113.100")}));
}

TEST_CASE("who answers for a service's address: a server, another machine, this node itself") {
    town t;
    t.add("Direct", mode::dr);
    auto said = t.found();
    said[{2, ip4("203.0.113.100")}] = std::set{mac_eth1, thief, mac_web1};
    said[{3, ip4("203.0.113.100")}] = std::set{mac_web2};
    auto views = t.views();
    take(views, said, t.around);
    CHECK(views[0].claiming == std::set{thief});
    CHECK(views[0].servers[0].claims_service);
    CHECK_FALSE(views[0].servers[1].claims_service);
    CHECK(views[0].servers[1].claims_elsewhere); // on a network without clients

    t.around.active = false;
    take(views, said, t.around);
    CHECK(views[0].claiming.empty());

    t.around.networks = {{"eth1", any("198.51.100.9"), 24}, {"eth1", any("203.0.113.9"), 24}}; // one network for both
    auto near = t.views();
    take(near, said, t.around);
    CHECK(near[0].servers[1].claims_service);
}

TEST_CASE("two services that would ask the same ask once and share the answer") {
    town t;
    t.add("Web", mode::dr);
    t.add("WebUdp", mode::dr).protocol = protocol::udp;
    auto views = t.views();
    take(views, t.found(), t.around);
    auto const asked = tcp_questions_of(views, t.around);
    REQUIRE(asked.size() == 2); // one for each server
    tcp_answers said;
    for (auto const& q : asked) {
        CHECK(q.target == ip4("203.0.113.100"));
        CHECK(q.source == ip4("198.51.100.9"));
        said[q] = q.to == mac_web1 ? reply::accepted : reply::silent;
    }
    take(views, said, t.around);
    for (auto const& view : views) {
        CHECK(view.servers[0].to_client == reply::accepted);
        CHECK(view.servers[1].to_client == reply::silent);
    }
}

TEST_CASE("what a server of nat is asked") {
    town t;
    t.add("Translated", mode::nat);
    auto views = t.views();
    CHECK(tcp_questions_of(views, t.around).empty()); // nobody was found
    take(views, t.found(), t.around);
    std::set<address_v4> from;
    for (auto const& q : tcp_questions_of(views, t.around)) {
        from.insert(q.source);
    }
    CHECK(from == std::set{ip4("198.51.100.9"), ip4("192.0.2.1")});
    t.around.active = false; // what comes to this node although it is passive tells something, the rest not
    CHECK(tcp_questions_of(views, t.around).size() == 2);
    CHECK(tcp_questions_of(views, t.around).begin()->source == ip4("192.0.2.1"));
}

TEST_CASE("what a server at the end of a tunnel is asked") {
    town t;
    t.add("Tunnel", mode::tun);
    t.ways[ip4("198.51.100.21")] = {way::kind::router, {}, servers_side, ip4("198.51.100.9"), ip4("198.51.100.1")};
    auto views = t.views();
    auto const arp = arp_questions_of(views, t.around); // does it answer for the service's address?
    CHECK(arp.size() == 2);
    CHECK(arp.contains({3, ip4("198.51.100.20")}));
    auto said = t.found();
    said[{2, ip4("203.0.113.100")}] = std::set{mac_web1};
    take(views, said, t.around);
    CHECK(views[0].servers[0].claims_service);
    CHECK(views[0].claiming.empty());
    auto const asked = tcp_questions_of(views, t.around);
    REQUIRE(asked.size() == 2);
    for (auto const& q : asked) {
        CHECK(q.interface == 0);
        CHECK(q.through);
        CHECK(q.target == ip4("203.0.113.100"));
        CHECK(q.tunnel_source == ip4("198.51.100.9"));
    }
}

TEST_CASE("no question comes from a floating address") {
    town t;
    t.add("Direct", mode::dr);
    t.around.networks = {{"eth1", any("198.51.100.1"), 24}, {"eth1", any("198.51.100.9"), 24}, {"eth0", any("203.0.113.9"), 24}};
    t.around.floating.insert(ip4("198.51.100.1"));
    auto const near = way{way::kind::neighbour, {}, servers_side, ip4("198.51.100.1"), {}};
    CHECK(own_address(near, ip4("198.51.100.20"), t.around) == ip4("198.51.100.9"));
    CHECK_FALSE(own_address(near, ip4("10.1.1.1"), t.around)); // none in that network
    auto const far = way{way::kind::router, {}, servers_side, ip4("198.51.100.1"), ip4("198.51.100.2")};
    CHECK(own_address(far, ip4("10.1.1.1"), t.around) == ip4("198.51.100.9"));
    t.around.networks.erase(t.around.networks.begin() + 1);
    CHECK_FALSE(own_address(near, ip4("198.51.100.20"), t.around));
    auto const views = t.views();
    CHECK_FALSE(views[0].servers[0].own);
    CHECK(arp_questions_of(views, t.around).size() == 1); // the service's, which has no sender
    CHECK(tcp_questions_of(views, t.around).empty());
}

TEST_CASE("a halted server is not asked, and a fallback server is") {
    town t;
    auto& s = t.add("Direct", mode::dr);
    s.fallback = {fallback::kind::server, {any("198.51.100.30"), 80}};
    t.states = {{{"Direct", "web1"}, health::up, admin_state::halt}, {{"Direct", "web2"}, health::up, admin_state::drain}};
    auto const views = t.views();
    REQUIRE(views[0].servers.size() == 3);
    CHECK(views[0].servers[0].admin == admin_state::halt);
    CHECK(views[0].servers[1].admin == admin_state::drain);
    CHECK(views[0].servers[2].name == "fallback");
    auto const asked = arp_questions_of(views, t.around);
    CHECK_FALSE(asked.contains({3, ip4("198.51.100.20")}));
    CHECK(asked.contains({3, ip4("198.51.100.21")}));
    CHECK(asked.contains({3, ip4("198.51.100.30")}));

    s.fallback.target.address = any("198.51.100.20"); // a server already
    CHECK(t.views()[0].servers.size() == 2);
    s.fallback.target.address = any("198.51.100.30");
    s.mode = mode::nat; // it answers for itself, with no way through this node to prove
    CHECK(t.views()[0].servers.size() == 2);
}

TEST_CASE("servers on this node, on links without ARP, and without a route are not asked") {
    town t;
    t.add("Direct", mode::dr);
    t.ways[ip4("198.51.100.20")] = {way::kind::own};
    auto tunnel_link = servers_side;
    tunnel_link.has_arp = false;
    t.ways[ip4("198.51.100.21")] = {way::kind::neighbour, {}, tunnel_link, ip4("198.51.100.9"), {}};
    CHECK(arp_questions_of(t.views(), t.around).size() == 1); // the service's
    CHECK(tcp_questions_of(t.views(), t.around).empty());
    t.c.services[0].mode = mode::tun; // for which the kernel finds the way itself
    CHECK(t.views()[0].servers[1].own == ip4("198.51.100.9"));
    CHECK(tcp_questions_of(t.views(), t.around).size() == 1);
}

TEST_CASE("one service alone, and those that cannot be asked") {
    town t;
    t.add("One", mode::dr);
    t.add("Two", mode::tun).servers.push_back({"six", any("2001:db8::1"), 0, 100, 0, 0});
    t.add("Relayed", mode::tcp);
    t.add("Six", mode::dr).address = any("2001:db8::1");
    auto& marked = t.add("Marked", mode::dr);
    marked.address.reset();
    auto const all = t.views();
    REQUIRE(all.size() == 4);
    CHECK(all[1].of_v6 == std::vector<std::string>{"six"});
    CHECK_FALSE(all[2].not_asked.empty());
    CHECK_FALSE(all[3].not_asked.empty());
    CHECK(all[3].servers.empty());
    REQUIRE(t.views("Two").size() == 1);
    CHECK(t.views("Two")[0].service->name == "Two");
}

TEST_CASE("where a server is asked, and whether a program must listen there") {
    town t;
    auto& s = t.add("Web", mode::dr);
    auto const asked = [&] { return port_to_ask(s, s.servers[0]); };
    CHECK(asked() == port_asked{80, true});
    s.ports = {{4100, 4110}, {80, 80}};
    s.check.port = 4105; // the check connects to it
    CHECK(asked() == port_asked{4105, true});
    s.check.port = 90; // another program's
    CHECK(asked() == port_asked{80, true});
    s.ports = {{4100, 4110}};
    CHECK(asked() == port_asked{4100, false});
    s.check.port = 0; // the first is checked
    CHECK(asked() == port_asked{4100, true});
    s.check.type = health_check::kind::dicom;
    CHECK(asked() == port_asked{4100, true});
    s.check.type = health_check::kind::ping;
    CHECK(asked() == port_asked{4100, false});
    s.ports.clear();
    s.except_ports = {{22, 22}};
    CHECK(asked() == port_asked{1, false});
    s.except_ports.clear(); // the firewall script knows
    CHECK(asked() == port_asked{0, false});
    s.check.type = health_check::kind::connect;
    s.check.port = 90; // somebody listens there, and not for the service
    CHECK(asked() == port_asked{90, false});
    s.ports = {{80, 80}};
    s.protocol = protocol::udp;
    CHECK(asked() == port_asked{80, false}); // what TCP does there says nothing of the program
    s.check.port = 80;
    CHECK(asked() == port_asked{80, false});
    s.protocol = protocol::tcp;
    s.mode = mode::nat;
    s.servers[0].port = 8080;
    CHECK(asked() == port_asked{8080, true});
}

TEST_CASE("where clients of an address come in") {
    std::vector<firewall::interface_network> const networks{
        {"eth0", any("203.0.113.9"), 24}, {"eth1", any("203.0.113.10"), 24}, {"eth1", any("203.0.113.100"), 32}};
    CHECK(home_of(any("203.0.113.100"), networks) == "eth1"); // it is there
    CHECK(home_of(any("203.0.113.101"), networks) == "eth0");
    CHECK(home_of(any("10.0.0.1"), networks).empty());
}
