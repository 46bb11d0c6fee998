// SPDX-License-Identifier: Apache-2.0
#include "core/plan_desired.hpp"

#include <balance/validate.hpp>

#include <catch2/catch.hpp>

#include <algorithm>

using namespace balance;
using namespace balance::ipvs;
using boost::asio::ip::make_address;

namespace {

real_server server(std::string name, char const* where, std::uint16_t port = 0, std::uint16_t weight = 100) {
    real_server out;
    out.name = std::move(name);
    out.address = make_address(where);
    out.port = port;
    out.weight = weight;
    return out;
}

virtual_service service_at(std::string name, char const* where, std::vector<port_range> ports, mode m = mode::dr) {
    virtual_service out;
    out.name = std::move(name);
    out.mode = m;
    out.address = make_address(where);
    out.ports = std::move(ports);
    out.balance = "wrr";
    out.servers = {server("A", out.address->is_v6() ? "2001:db8::a" : "198.51.100.1"),
                   server("B", out.address->is_v6() ? "2001:db8::b" : "198.51.100.2")};
    return out;
}

std::vector<server_state> all_up(configuration const& c) {
    std::vector<server_state> out;
    for (auto const& s : c.services) {
        for (auto const& v : s.servers) {
            out.push_back({{s.name, v.name}, health::up, admin_state::online});
        }
    }
    return out;
}

desired_table desire_up(configuration const& c) { return desire(c, all_up(c)); }

} // namespace

TEST_CASE("one port of one protocol is a service by address") {
    configuration c;
    c.services = {service_at("web", "192.0.2.1", {{80, 80}})};
    auto const t = desire_up(c);
    REQUIRE(t.services.size() == 1);
    auto const& s = t.services[0];
    CHECK(s.name == "web");
    CHECK(s.config.key == service_key{false, 0, tcp_protocol, {make_address("192.0.2.1"), 80}});
    CHECK(s.config.scheduler == "wrr");
    CHECK(s.config.flags == 0);
    CHECK(s.config.netmask == 0xffffffff);
    REQUIRE(s.destinations.size() == 2);
    CHECK(s.destinations[0].config == destination{{make_address("198.51.100.1"), 80}, forwarding::direct, 100, 0, 0});
    CHECK(t.rules.empty());
    CHECK(t.refused.empty());
}

TEST_CASE("what servers of transparent services answer stays here") {
    configuration c;
    c.services = {service_at("seen", "192.0.2.1", {{443, 443}, {80, 80}}, mode::tcp), service_at("hidden", "192.0.2.2", {{80, 80}}, mode::http),
                  service_at("only tls", "2001:db8::1", {}, mode::http)};
    c.services[0].transparent = c.services[2].transparent = true;
    c.services[0].servers[1].port = 8080;
    c.services[2].tls = tls_termination{{{443, 443}}, {"c"}};
    auto const t = desire_up(c);
    CHECK(t.services.empty());
    CHECK(t.rules.borrowed == std::vector<port_rule>{{"seen", make_address("198.51.100.1"), {{80, 80}, {443, 443}}},
                                                     {"seen", make_address("198.51.100.2"), {{8080, 8080}}},
                                                     {"only tls", make_address("2001:db8::a"), {{443, 443}}},
                                                     {"only tls", make_address("2001:db8::b"), {{443, 443}}}});
    CHECK(t.rules.size() == 4);
}

TEST_CASE("a UDP service is of UDP") {
    configuration c;
    c.services = {service_at("dns", "192.0.2.1", {{53, 53}})};
    c.services[0].protocol = protocol::udp;
    CHECK(desire_up(c).services.at(0).config.key ==
          service_key{false, 0, udp_protocol, {make_address("192.0.2.1"), 53}});
}

TEST_CASE("several ports or protocols are one service by mark, and rules set the mark") {
    configuration c;
    c.services = {service_at("pacs", "192.0.2.1", {{443, 443}, {80, 80}}),
                  service_at("dns", "192.0.2.2", {{53, 53}}, mode::nat)};
    c.services[1].protocol = protocol::tcp_udp;
    allocate_marks(c);
    auto const t = desire_up(c);
    REQUIRE(t.services.size() == 2);
    CHECK(t.services[0].config.key == service_key{false, first_reserved_mark, 0, {}});
    CHECK(t.services[0].destinations[0].config.remote.port == 0);
    REQUIRE(t.rules.marks.size() == 2);
    CHECK(t.rules.marks[0] ==
          mark_rule{"pacs", make_address("192.0.2.1"), protocol::tcp, {{80, 80}, {443, 443}}, first_reserved_mark});
    CHECK(t.rules.marks[1].protocol == protocol::tcp_udp);
    CHECK(t.rules.marks[1].mark == first_reserved_mark + 1);
}

TEST_CASE("an operator's mark with an address marks all ports but the excepted, a bare one leaves marking to him") {
    configuration c;
    c.services = {service_at("all", "192.0.2.1", {}), service_at("bare", "192.0.2.9", {})};
    c.services[0].firewall_mark = 999999;
    c.services[0].except_ports = {{20000, 20000}};
    c.services[1].firewall_mark = 7;
    c.services[1].address.reset();
    auto const t = desire_up(c);
    REQUIRE(t.services.size() == 2);
    CHECK(t.services[0].config.key.mark == 999999);
    CHECK(t.services[1].config.key.mark == 7);
    REQUIRE(t.rules.marks.size() == 1);
    CHECK(t.rules.marks[0].ports == std::vector<port_range>{{1, 19999}, {20001, 65535}});
}

TEST_CASE("a server that is not to be used has weight 0 and says why, a halted one is not there") {
    configuration c;
    c.services = {service_at("web", "192.0.2.1", {{80, 80}})};
    auto const& key_a = server_key{"web", "A"};
    auto const weight_of_a = [&](health h, admin_state a) {
        std::vector<server_state> const states{{key_a, h, a}};
        auto const d = desire(c, states).services.at(0).destinations.at(0);
        CHECK(d.name == "A");
        return std::pair{d.config.weight, d.why};
    };
    CHECK(weight_of_a(health::up, admin_state::online) == std::pair<std::uint32_t, std::string>{100, ""});
    CHECK(weight_of_a(health::down, admin_state::online) == std::pair<std::uint32_t, std::string>{0, "down"});
    CHECK(weight_of_a(health::unknown, admin_state::online) ==
          std::pair<std::uint32_t, std::string>{0, "not checked yet"});
    CHECK(weight_of_a(health::up, admin_state::drain) == std::pair<std::uint32_t, std::string>{0, "drained"});

    std::vector<server_state> const halted{{key_a, health::up, admin_state::halt}};
    auto const t = desire(c, halted);
    REQUIRE(t.services.at(0).destinations.size() == 1);
    CHECK(t.services[0].destinations[0].name == "B");
    CHECK(t.services[0].destinations[0].why == "not checked yet"); // no state at all
}

TEST_CASE("a server of unknown health has its weight where its check says so") {
    configuration c;
    c.services = {service_at("web", "192.0.2.1", {{80, 80}})};
    c.services[0].check.initially_up = true;
    std::vector<server_state> const states{{{"web", "A"}, health::unknown, admin_state::drain}}; // nothing is known of B
    auto const t = desire(c, states);
    CHECK(t.services.at(0).destinations.at(0).why == "drained");
    CHECK(t.services[0].destinations.at(1).why.empty());
    CHECK(t.services[0].destinations[1].config.weight == 100);
    auto const other = desire(c, std::vector<server_state>{{{"web", "A"}}, {{"web", "B"}, health::down}});
    CHECK(other.services.at(0).destinations.at(0).config.weight == 100);
    CHECK(other.services[0].destinations.at(1).why == "down");
}

TEST_CASE("states may come in any order, and of two for one server the last counts") {
    configuration c;
    for (int i = 0; i < 40; ++i) { // servers of one name in many services
        c.services.push_back(service_at("s" + std::to_string(i), ("192.0.2." + std::to_string(i + 1)).c_str(), {{80, 80}}));
    }
    auto states = all_up(c);
    for (std::size_t i = 0; i < states.size(); i += 3) {
        states[i].health = health::down;
    }
    auto const in_order = desire(c, states);
    for (std::size_t i = 0; i < states.size(); ++i) {
        CHECK(in_order.services[i / 2].destinations[i % 2].why == (i % 3 == 0 ? "down" : ""));
    }
    auto shuffled = states;
    std::reverse(shuffled.begin(), shuffled.end());
    std::swap(shuffled[3], shuffled[70]);
    shuffled.push_back({{"s1", "nobody"}, health::down, admin_state::halt});
    shuffled.push_back({{"nowhere", "A"}, health::down, admin_state::halt});
    CHECK(desire(c, shuffled) == in_order);

    auto twice = states;
    twice.insert(twice.begin(), {{"s0", "A"}, health::up, admin_state::halt});
    CHECK(desire(c, twice) == in_order);
    twice.push_back({{"s0", "A"}, health::up, admin_state::drain});
    CHECK(desire(c, twice).services[0].destinations[0].why == "drained");
}

TEST_CASE("weights, thresholds and ports of servers") {
    configuration c;
    c.services = {service_at("web", "192.0.2.1", {{80, 80}}, mode::nat)};
    auto& a = c.services[0].servers[0];
    a.weight = 65535;
    a.port = 8080;
    a.min_connections = 100;
    a.max_connections = 200;
    c.services[0].servers[1].min_connections = 5; // without a maximum the kernel would refuse it
    auto const t = desire_up(c);
    auto const& d = t.services.at(0).destinations;
    CHECK(d.at(0).config == destination{{make_address("198.51.100.1"), 8080}, forwarding::masquerade, 65535, 200, 100});
    CHECK(d.at(1).config == destination{{make_address("198.51.100.2"), 80}, forwarding::masquerade, 100, 0, 0});
}

TEST_CASE("persistence by source address") {
    configuration c;
    c.services = {service_at("v4", "192.0.2.1", {{80, 80}}), service_at("v6", "2001:db8::1", {{80, 80}}),
                  service_at("wide", "192.0.2.1", {{81, 81}}), service_at("wide6", "2001:db8::1", {{81, 81}})};
    for (auto& s : c.services) {
        s.persistence = {persistence::kind::source_ip, std::chrono::seconds(60000), {}};
    }
    c.services[2].persistence.granularity = 24;
    c.services[3].persistence.granularity = 64;
    auto t = desire_up(c);
    REQUIRE(t.services.size() == 4);
    for (auto const& s : t.services) {
        CHECK(s.config.flags == persistent_flag);
        CHECK(s.config.timeout == 60000);
    }
    CHECK(t.services[0].config.netmask == 0xffffffff);
    CHECK(t.services[1].config.netmask == 128);
    CHECK(t.services[2].config.netmask == 0xffffff00);
    CHECK(t.services[3].config.netmask == 64);

    c.services[0].persistence.granularity = 0;
    c.services[3].persistence.granularity = 0;
    t = desire_up(c);
    CHECK(t.services[0].config.netmask == 0);
    REQUIRE(t.refused.size() == 1);
    CHECK(t.refused[0].service == "wide6");
    CHECK(t.refused[0].reason.find("1 to 128") != std::string::npos);
}

TEST_CASE("what cannot be served is refused with a reason and the rest goes on") {
    configuration c;
    c.services = {service_at("no mark", "192.0.2.3", {{80, 81}}), service_at("twin", "192.0.2.4", {{80, 80}}),
                  service_at("twin too", "192.0.2.4", {{80, 80}}), service_at("long", "192.0.2.5", {{80, 80}})};
    c.services[3].balance = "sixteen_letters_";
    auto const t = desire_up(c);
    REQUIRE(t.services.size() == 1);
    CHECK(t.services[0].name == "twin");
    std::vector<std::string> names;
    for (auto const& r : t.refused) {
        names.push_back(r.service);
        CHECK_FALSE(r.reason.empty());
    }
    CHECK(names == std::vector<std::string>{"no mark", "twin too", "long"});
}

TEST_CASE("layer-7 services are not in IPVS, but their addresses are ours") {
    configuration c;
    c.services = {service_at("relay", "192.0.2.1", {{80, 80}}, mode::tcp)};
    auto const t = desire_up(c);
    CHECK(t.services.empty());
    CHECK(t.refused.empty());
    CHECK(t.addresses == std::vector<address>{make_address("192.0.2.1")});
}

TEST_CASE("two servers with one address and port are one destination, the first") {
    configuration c;
    c.services = {service_at("web", "192.0.2.1", {{80, 80}})};
    c.services[0].servers[1].address = c.services[0].servers[0].address;
    auto const t = desire_up(c);
    REQUIRE(t.services.at(0).destinations.size() == 1);
    CHECK(t.services[0].destinations[0].name == "A");

    auto& servers = c.services[0].servers;
    servers = {server("C", "198.51.100.3"), server("A", "198.51.100.1"), server("B", "198.51.100.3", 80)};
    auto const names = [&] {
        std::string out;
        auto const wanted = desire_up(c);
        for (auto const& d : wanted.services.at(0).destinations) {
            out += d.name;
        }
        return out;
    };
    CHECK(names() == "CA");
    std::swap(servers[0], servers[2]);
    CHECK(names() == "BA");
    CHECK(desire(c, {{{{"web", "B"}, health::up, admin_state::halt}}}).services[0].destinations[1].name == "C");
}

TEST_CASE("a snat service masquerades and its connections get a source, by mark or by address") {
    configuration c;
    c.services = {service_at("db", "192.0.2.1", {{80, 80}}, mode::snat),
                  service_at("many", "192.0.2.2", {{1, 19999}}, mode::snat),
                  service_at("script", "192.0.2.3", {}, mode::snat)};
    c.services[1].snat_source = make_address("198.51.100.100");
    c.services[2].address.reset();
    c.services[2].firewall_mark = 7;
    c.services[2].snat_source = make_address("198.51.100.101");
    allocate_marks(c);
    auto const t = desire_up(c);
    CHECK(t.refused.empty());
    REQUIRE(t.services.size() == 3);
    for (auto const& s : t.services) {
        CHECK(s.destinations[0].config.method == forwarding::masquerade);
    }
    CHECK(t.services[0].config.key == service_key{false, 0, tcp_protocol, {make_address("192.0.2.1"), 80}});
    CHECK(t.rules.sources == std::vector<source_rule>{
                                 {"db", 0, make_address("192.0.2.1"), protocol::tcp, 80, make_address("192.0.2.1")},
                                 {"many", first_reserved_mark, {}, protocol::tcp, 0, make_address("198.51.100.100")},
                                 {"script", 7, {}, protocol::tcp, 0, make_address("198.51.100.101")}});
    CHECK(t.rules.marks.size() == 1); // the script's mark is the script's business
}

TEST_CASE("a tunnel is of the service, also to servers of the other family") {
    configuration c;
    c.services = {service_at("tunnelled", "192.0.2.1", {{80, 80}}, mode::tun)};
    c.services[0].tunnel = {tunnel::kind::gue, 6080, tunnel::checksum::remote};
    c.services[0].servers[1].address = make_address("2001:db8::b");
    auto const t = desire_up(c);
    REQUIRE(t.services.size() == 1);
    for (auto const& d : t.services[0].destinations) {
        CHECK(d.config.method == forwarding::tunnel);
        CHECK(d.config.tunnel == c.services[0].tunnel);
        CHECK(d.config.remote.port == 80);
    }
}

TEST_CASE("protocols and flags of the kernel") {
    configuration c;
    c.services = {service_at("diameter", "192.0.2.1", {{3868, 3868}}, mode::nat),
                  service_at("dns", "192.0.2.2", {{53, 53}})};
    c.services[0].protocol = protocol::sctp;
    c.services[0].balance = "sh";
    c.services[0].scheduler_flags = {true, true};
    c.services[1].protocol = protocol::udp;
    c.services[1].one_packet = true;
    auto const t = desire_up(c);
    CHECK(t.services.at(0).config.key.protocol == sctp_protocol);
    CHECK(t.services.at(0).config.flags == (scheduler_fallback_flag | scheduler_port_flag));
    CHECK(t.services.at(1).config.flags == one_packet_flag);
}

TEST_CASE("the fallback takes over when no server is left, and only then") {
    configuration c;
    c.services = {service_at("page", "192.0.2.1", {{80, 80}}, mode::nat),
                  service_at("other", "192.0.2.2", {{80, 80}}, mode::dr),
                  service_at("none", "192.0.2.3", {{80, 80}}, mode::nat)};
    c.services[0].fallback.mode = fallback::kind::local;
    c.services[1].fallback = {fallback::kind::server, {make_address("198.51.100.9"), 80}};
    c.page_port = 9082;
    auto const count = [&](std::vector<server_state> const& states) {
        std::vector<std::size_t> out;
        for (auto const& s : desire(c, states).services) {
            out.push_back(s.destinations.size());
        }
        return out;
    };
    using counts = std::vector<std::size_t>;
    auto states = all_up(c);
    CHECK(count(states) == counts{2, 2, 2});
    for (auto& s : states) {
        s.health = s.key.server == "A" ? health::down : health::unknown;
    }
    CHECK(count(states) == counts{2, 2, 2}); // B may yet be up
    for (auto& s : states) {
        s.health = health::down;
    }
    CHECK(count(states) == counts{3, 3, 2});
    auto const t = desire(c, states);
    CHECK(t.services[0].destinations[2].is_fallback);
    CHECK(t.services[0].destinations[2].config ==
          destination{{make_address("192.0.2.1"), 9082}, forwarding::masquerade, 1, 0, 0, {}});
    CHECK(t.services[1].destinations[2].config ==
          destination{{make_address("198.51.100.9"), 80}, forwarding::direct, 1, 0, 0, {}});
    for (auto& s : states) {
        s.health = health::up;
        s.admin = s.key.server == "A" ? admin_state::halt : admin_state::drain;
    }
    CHECK(count(states) == counts{2, 2, 1}); // a halted server is no destination, the fallback is one
    states.back().admin = admin_state::online;
    CHECK(desire(c, states).services[2].destinations.size() == 1);
    c.services[0].servers.clear();
    CHECK(desire(c, states).services[0].destinations.size() == 1);
}

TEST_CASE("auto-NAT is for the servers of nat services, each once") {
    configuration c;
    c.services = {service_at("a", "192.0.2.1", {{80, 80}}, mode::nat), service_at("b", "192.0.2.2", {{80, 80}}, mode::nat),
                  service_at("c", "192.0.2.3", {{80, 80}}, mode::dr)};
    c.services[2].servers[0].address = make_address("198.51.100.77");
    CHECK(desire_up(c).rules.empty());
    c.auto_nat_interface = "eth1";
    CHECK(desire_up(c).rules.masquerade ==
          masquerade_rule{"eth1", {make_address("198.51.100.1"), make_address("198.51.100.2")}});
}

TEST_CASE("held are packets of unknown connections, from clients and from servers that IPVS would translate") {
    configuration c;
    c.services = {service_at("direct", "192.0.2.1", {{80, 80}}),
                  service_at("translated", "192.0.2.2", {{443, 443}, {104, 104}}, mode::nat),
                  service_at("datagrams", "192.0.2.3", {{53, 53}}, mode::nat)};
    c.services[1].servers[0].port = 11104;
    c.services[2].protocol = protocol::udp;
    allocate_marks(c);
    auto const states = all_up(c);
    CHECK(desire(c, states).rules.held_clients.empty());
    auto const rules = desire(c, states, true).rules;
    std::vector<port_range> const both{{104, 104}, {443, 443}};
    CHECK(rules.held_clients == std::vector<port_rule>{{"direct", make_address("192.0.2.1"), {{80, 80}}},
                                                       {"translated", make_address("192.0.2.2"), both}});
    CHECK(rules.held_servers == std::vector<port_rule>{{"translated", make_address("198.51.100.1"), {{11104, 11104}}},
                                                       {"translated", make_address("198.51.100.2"), both}});
}

TEST_CASE("replies to a snat service are held at its source address, and the node's own page is not held") {
    configuration c;
    c.services = {service_at("source", "192.0.2.1", {{80, 80}}, mode::snat),
                  service_at("all", "192.0.2.2", {{1, 65535}}, mode::nat)};
    allocate_marks(c);
    auto const rules = desire(c, all_up(c), true).rules;
    CHECK(rules.held_servers.at(0) ==
          port_rule{"source", make_address("198.51.100.1"), {{80, 80}}, make_address("192.0.2.1")});
    CHECK(rules.held_clients.at(1).ports == std::vector<port_range>{{1, 9080}, {9082, 65535}});
}

TEST_CASE("a persistent service by mark falls back by a rule, for IPVS would ignore the page's port") {
    configuration c;
    c.services = {service_at("pacs", "192.0.2.1", {{80, 80}, {443, 443}}, mode::nat)};
    c.services[0].persistence.mode = persistence::kind::source_ip;
    c.services[0].fallback.mode = fallback::kind::local;
    allocate_marks(c);
    CHECK(desire_up(c).rules.pages.empty());
    auto states = all_up(c);
    for (auto& s : states) {
        s.health = health::down;
    }
    auto const t = desire(c, states);
    CHECK(t.services[0].fallback_active);
    CHECK(t.services[0].destinations.size() == 2);
    CHECK(t.rules.marks.empty());
    CHECK(t.rules.pages == std::vector<page_rule>{{"pacs", make_address("192.0.2.1"), {{80, 80}, {443, 443}}, 9081}});
}

TEST_CASE("an agent lowers a server's weight, to 0 at the least, and never brings one up") {
    configuration c;
    c.services = {service_at("web", "192.0.2.1", {{80, 80}})};
    auto states = all_up(c);
    auto const weight = [&](std::size_t i) { return desire(c, states).services.at(0).destinations.at(i).config.weight; };
    states[0].share = 30;
    CHECK(weight(0) == 30);
    CHECK(weight(1) == 100);
    c.services[0].servers[0].weight = 1;
    CHECK(weight(0) == 1);
    states[0].share = 0;
    CHECK(weight(0) == 0);
    CHECK(desire(c, states).services[0].destinations[0].why == "taken out by its agent");
    states[0].health = health::down;
    states[0].share = 100;
    CHECK(weight(0) == 0);

    // Where all agents say no, the fallback answers, as where all are drained.
    c.services[0].fallback = {fallback::kind::server, {make_address("198.51.100.9"), 80}};
    for (auto& s : states) {
        s.health = health::up;
        s.share = 0;
    }
    CHECK(desire(c, states).services.at(0).fallback_active);
    states[1].share = 1;
    CHECK_FALSE(desire(c, states).services.at(0).fallback_active);
}

TEST_CASE("the maximum that an agent names is a server's upper threshold") {
    configuration c;
    c.services = {service_at("web", "192.0.2.1", {{80, 80}})};
    c.services[0].servers[0].max_connections = 100;
    c.services[0].servers[0].min_connections = 80;
    auto states = all_up(c);
    states[0].most_connections = 30;
    states[1].most_connections = 20;
    auto const t = desire(c, states);
    REQUIRE(t.services.size() == 1);
    auto const& servers = t.services[0].destinations;
    REQUIRE(servers.size() == 2);
    CHECK(servers[0].config.upper == 30);
    CHECK(servers[0].config.lower == 30);
    CHECK(servers[1].config.upper == 20);
}

TEST_CASE("persistent clients stay with drained servers where all services that drain one say so") {
    configuration c;
    c.services = {service_at("stays", "192.0.2.1", {{80, 80}}), service_at("leaves", "192.0.2.2", {{80, 80}}), service_at("plain", "192.0.2.3", {{80, 80}})};
    c.services[0].persistence = {.mode = persistence::kind::source_ip, .granularity = {}, .drained_stay = true};
    c.services[1].persistence.mode = persistence::kind::source_ip;
    auto states = all_up(c);
    auto const state = [&](std::size_t i) -> server_state& { return states[i]; }; // two of each service
    CHECK_FALSE(desire(c, states).clients_stay);

    if (GENERATE(false, true)) { // an agent's word counts as an operator's
        state(0).share = 0;
    } else {
        state(0).admin = admin_state::drain;
    }
    CHECK(desire(c, states).clients_stay);
    CHECK(desire(c, states).cannot_stay.empty());
    CHECK(desire(c, states).services[0].destinations.size() == 2);
    CHECK(desire(c, states).services[0].destinations[0].config.weight == 0);

    SECTION("then those that are down are left out, if anybody could stay with them") {
        state(1).health = health::down;
        state(3).health = health::down;
        state(5).health = health::down;
        auto const t = desire(c, states);
        CHECK(t.services[0].destinations.size() == 1);
        CHECK(t.services[1].destinations.size() == 1);
        CHECK(t.services[2].destinations.size() == 2);
        state(2).health = health::unknown; // as after a restart: its connections go on
        CHECK(desire(c, states).services[1].destinations.size() == 1);
        CHECK(desire(c, states).services[1].destinations[0].config.weight == 0);
    }
    SECTION("not when another one's clients must leave") {
        state(2).admin = admin_state::drain;
        auto const t = desire(c, states);
        CHECK_FALSE(t.clients_stay);
        CHECK(t.cannot_stay == "clients of drained servers of service stays do not stay, because those of service leaves must leave and "
                               "the kernel makes no difference between the two");
    }
    SECTION("a service without persistence has no say") {
        state(4).admin = admin_state::drain;
        CHECK(desire(c, states).clients_stay);
    }
    SECTION("a halted server is not drained") {
        state(0) = {state(0).key, health::up, admin_state::halt};
        CHECK_FALSE(desire(c, states).clients_stay);
    }
}
