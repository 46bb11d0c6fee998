// SPDX-License-Identifier: Apache-2.0
#include "doctor/judge.hpp"

#include <catch2/catch.hpp>

using namespace balance;
using namespace balance::doctor;
using grade = finding::grade;

namespace {

auto const make = [](char const* text) { return boost::asio::ip::make_address(text); };

constexpr mac_address server_mac{0x52, 0x54, 0, 0, 0, 0x20};
constexpr mac_address other_mac{0x52, 0x54, 0, 0, 0, 0x21};

struct scene {
    explicit scene(mode m) {
        service.name = "Web";
        service.mode = m;
        service.address = make("203.0.113.100");
        around.stranger = boost::asio::ip::make_address_v4("192.0.2.1");
        view.service = &service;
        view.name = "web1";
        view.address = boost::asio::ip::make_address_v4("198.51.100.20");
        view.port = {80, true};
        view.route = {way::kind::neighbour, {}, {2, "eth0", {2, 0, 0, 0, 0, 1}, 1500}, {}, {}};
        view.own = boost::asio::ip::make_address_v4("198.51.100.9");
        view.macs = std::set{server_mac};
    }
    scene(scene const&) = delete;
    scene& operator=(scene const&) = delete;

    [[nodiscard]] std::vector<finding> found() const {
        service_view whole{&service, {}};
        whole.servers = {view};
        return judge(whole, around);
    }
    /// "fault: 198.51.100.20 …" of the server's findings, one a line.
    [[nodiscard]] std::vector<std::string> said() const {
        std::vector<std::string> out;
        for (auto const& f : found()) {
            CHECK(f.service == "Web");
            if (f.server.empty()) {
                continue;
            }
            CHECK(f.server == "web1");
            CHECK((f.is == grade::fine || f.is == grade::untested || !f.remedy.empty()));
            out.push_back(std::string(to_string(f.is)) + ": " + f.text);
        }
        return out;
    }

    virtual_service service;
    surroundings around;
    server_view view;
};

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("a server of direct routing") {
    scene s(mode::dr);
    s.view.to_client = reply::accepted;
    CHECK(s.said() ==
          lines{"fine: 198.51.100.20 takes packets for 203.0.113.100:80, and does not answer ARP for the address"});

    s.view.claims_service = true;
    CHECK(s.said() == lines{"fault: 198.51.100.20 answers ARP for 203.0.113.100 (52:54:00:00:00:20): clients reach it past "
                            "the balancer"});
    s.view.claims_service = false;
    s.view.claims_elsewhere = true;
    CHECK(s.said() == lines{"warning: 198.51.100.20 answers ARP for 203.0.113.100 on eth0, where no client asks, and would "
                            "where clients do"});
    s.view.claims_elsewhere = false;
    s.view.to_client = reply::silent;
    CHECK(s.said() == lines{"fault: 198.51.100.20 takes no packets for 203.0.113.100:80: nothing came back; it does not have "
                            "the address, its packet filter drops them, or its reverse path filter does"});
    s.view.to_client = reply::refused;
    CHECK(s.said() == lines{"fault: 198.51.100.20 has the address 203.0.113.100, and no program listens on "
                            "203.0.113.100:80"});
    s.view.port.known_open = false; // one of many ports: a reset says that the address is there, and no more
    CHECK(s.said().front().starts_with("fine: "));
    s.view.to_client = reply::unknown;
    CHECK(s.said() == lines{"untested: 198.51.100.20 may have answered: frames were lost or could not be sent"});
}

TEST_CASE("silence of a service that is not of TCP tells nothing") {
    scene s(mode::dr);
    s.view.to_client = reply::silent;
    for (auto const p : {protocol::udp, protocol::sctp}) {
        s.service.protocol = p;
        REQUIRE(s.said().size() == 1);
        CHECK(s.said().front().starts_with("untested: 198.51.100.20 does not answer TCP on 203.0.113.100:80"));
    }
    s.service.protocol = protocol::tcp_udp;
    CHECK(s.said().front().starts_with("fault: "));
}

TEST_CASE("a server that cannot be asked") {
    scene s(mode::dr);
    s.view.macs = std::set<mac_address>{};
    CHECK(s.said() == lines{"fault: 198.51.100.20 does not answer ARP on eth0"});
    s.view.macs.reset();
    CHECK(s.said() == lines{"untested: 198.51.100.20 may have answered ARP on eth0: frames were lost or could not be sent"});
    s.view.route.through.has_arp = false;
    CHECK(s.said() == lines{"untested: 198.51.100.20 is reached through eth0, which is no Ethernet with ARP: it is not asked"});
    s.view.own.reset();
    CHECK(s.said() == lines{"untested: 198.51.100.20 is not asked: on eth0 this node has no address of its own that leads "
                            "there, only floating ones or none"});
    s.view.route.is = way::kind::router;
    s.view.route.gateway = boost::asio::ip::make_address_v4("198.51.100.1");
    CHECK(s.said() == lines{"fault: 198.51.100.20 is reached through the router 198.51.100.1, and mode dr reaches "
                            "neighbours alone"});
    s.view.route = {way::kind::none};
    CHECK(s.said() == lines{"fault: 198.51.100.20 cannot be reached: there is no route"});
    s.view.route = {way::kind::own};
    CHECK(s.said() == lines{"untested: 198.51.100.20 is an address of this node itself, which is not asked"});
    s.view.route = {way::kind::unknown, "out of memory"};
    CHECK(s.said() == lines{"untested: 198.51.100.20 is not asked: out of memory"});
    s.view.admin = admin_state::halt;
    CHECK(s.said() == lines{"untested: 198.51.100.20 is halted by an operator"});
}

TEST_CASE("a service of which no port is known") {
    scene s(mode::dr);
    s.view.port = {};
    CHECK(s.said() == lines{"untested: 198.51.100.20 is not asked: no port of the service is known"});
}

TEST_CASE("a drained server gets no clients, so that what is wrong with it is a warning") {
    scene s(mode::dr);
    s.view.admin = admin_state::drain;
    s.view.to_client = reply::silent;
    CHECK(s.said().front().starts_with("warning: 198.51.100.20 takes no packets"));
    s.view.to_client = reply::accepted;
    CHECK(s.said().front().starts_with("fine: "));
}

TEST_CASE("a server's address on two network cards") {
    scene s(mode::dr);
    s.view.macs = std::set{server_mac, other_mac};
    s.view.to_client = reply::accepted;
    CHECK(s.said() == lines{"warning: 198.51.100.20 is on more than one network card: 52:54:00:00:00:20 and 52:54:00:00:00:21 "
                            "answer ARP for it"});
}

TEST_CASE("a server of nat, from the active node") {
    scene s(mode::nat);
    lines const fine{"fine: 198.51.100.20 sends its replies back through this node; whether to a floating address or to this "
                     "node's own is not told apart here"};
    s.view.to_us = s.view.to_client = reply::accepted;
    CHECK(s.said() == fine);
    s.view.to_us = s.view.to_client = reply::refused; // also a reset shows the way
    CHECK(s.said() == fine);
    s.view.to_client = reply::silent;
    CHECK(s.said() == lines{"warning: 198.51.100.20 answers this node on 198.51.100.20:80, and not a client 192.0.2.1 (in "
                            "whose name it was asked): its default gateway is not a floating address of the pair, or a packet "
                            "filter or a filter of bogus addresses drops that client, or only the clients' networks have a "
                            "route through the pair"});
    s.view.to_client = reply::unknown;
    CHECK(s.said().front().starts_with("untested: "));
    s.view.to_client = s.view.to_us = reply::silent;
    CHECK(s.said() == lines{"untested: 198.51.100.20 does not answer on 198.51.100.20:80, so the way of its replies is not "
                            "known"});
    s.view.claims_service = true;
    CHECK(s.said().front().starts_with("fault: 198.51.100.20 answers ARP for 203.0.113.100"));
    CHECK(s.found().front().remedy.starts_with("take the address off there"));
    s.view.route.is = way::kind::router;
    s.view.route.gateway = boost::asio::ip::make_address_v4("198.51.100.1");
    CHECK(s.said() == lines{"untested: 198.51.100.20 is reached through the router 198.51.100.1: whether its replies come "
                            "back through this node cannot be seen from here"});
}

TEST_CASE("a server of nat, from the passive node") {
    scene s(mode::nat);
    s.around.active = false;
    s.view.to_client = reply::silent;
    CHECK(s.said().empty());
    REQUIRE(s.found().size() == 1);
    CHECK(s.found()[0].is == grade::untested);
    CHECK(s.found()[0].text.find("active node alone") != std::string::npos);
    s.view.to_client = reply::refused;
    CHECK(s.said() == lines{"fault: 198.51.100.20 sends replies to clients through this node, which is passive: its default "
                            "gateway is an address of this node's own"});
}

TEST_CASE("a server at the end of a tunnel") {
    scene s(mode::tun);
    s.view.macs.reset();
    s.view.route.through.mtu = 1520;
    s.view.to_client = reply::accepted;
    CHECK(s.said() == lines{"fine: 198.51.100.20 takes packets for 203.0.113.100:80 out of the tunnel"});
    s.view.route.through.mtu = 1519;
    auto const two = s.said();
    REQUIRE(two.size() == 2);
    CHECK(two[1].starts_with("warning: 198.51.100.20 packets of 1500 bytes and the tunnel's 20 do not fit through eth0 (MTU "
                             "1519)"));
    s.service.tunnel.type = tunnel::kind::gue;
    s.view.route.through.mtu = 1531;
    CHECK(s.found()[1].remedy == "raise the MTU on the way to 1532, or have the server's routes say advmss 1459");
    s.view.to_client = reply::silent;
    CHECK(s.said().front().starts_with("fault: 198.51.100.20 takes no packets for 203.0.113.100:80: nothing came back"));
    s.view.own.reset();
    CHECK(s.said().front().starts_with("untested: "));
}

TEST_CASE("a service as a whole") {
    scene const s(mode::dr);
    service_view whole{&s.service, {}};
    CHECK(judge(whole, s.around).empty());
    whole.claiming = {{0xde, 0xad, 0, 0, 0, 1}};
    whole.of_v6 = {"web6"};
    auto const found = judge(whole, s.around);
    REQUIRE(found.size() == 2);
    CHECK(found[0].is == grade::fault);
    CHECK(found[0].text == "203.0.113.100 is on another machine too: de:ad:00:00:00:01 answers ARP for it");
    CHECK(found[1] == finding{grade::untested, "Web", "web6", "servers of IPv6 are not asked", {}});
    whole = {&s.service, "why"};
    CHECK(judge(whole, s.around) == std::vector{finding{grade::untested, "Web", {}, "why", {}}});
}

namespace {

/// The grades of what is said of a machine, in order.
std::string grades(machine_facts const& m, ipvs::desired_table const& desired) {
    std::string out;
    for (auto const& f : judge(m, desired)) {
        out += (out.empty() ? "" : " ") + std::string(to_string(f.is));
    }
    return out;
}

ipvs::desired_service served(ipvs::forwarding method, bool v6 = false) {
    ipvs::desired_service out{"Web", {}, {{"web1", {{make("198.51.100.20"), 80}, method, 100, 0, 0}, {}}}};
    out.config.key.v6 = v6;
    return out;
}

} // namespace

TEST_CASE("what the machine lacks") {
    machine_facts m;
    m.kernel = "6.1.0";
    ipvs::desired_table desired;
    CHECK(grades(m, desired) == "fine fine");
    m.no_nft = make_error(errc::not_found, "nft is not installed");
    CHECK(grades(m, desired) == "fine warning");
    CHECK(judge(m, desired)[1].remedy == "apt-get install nftables");
    desired.rules.guarded_interface = "x";
    m.no_nft = make_error(errc::io_error, "nft fails: no such kernel");
    CHECK(grades(m, desired) == "fine fault");
    CHECK(judge(m, desired)[1].remedy.find("nft list tables") != std::string::npos);
    m = {};
    m.no_ipvs = make_error(errc::not_supported, "this kernel has no IPVS; load the module");
    CHECK(grades(m, desired) == "fault fine");
    CHECK(judge(m, desired)[0].text.ends_with("this kernel has no IPVS"));
    CHECK(judge(m, desired)[0].remedy == "load the module");
    m = {};
    m.settings = {{{"net.ipv4.ip_forward", "1", "replies are forwarded", "replies are lost"}, "1"}};
    CHECK(grades(m, desired) == "fine fine fine");
    m.settings[0].is = "0";
    CHECK(grades(m, desired) == "fine fine fault");
    CHECK(judge(m, desired)[2].remedy == "sysctl -w net.ipv4.ip_forward=1");
    m.settings[0].wanted.without.clear();
    CHECK(grades(m, desired) == "fine fine warning");
    m.settings.clear();
    desired.refused = {{"Web", "no scheduler xyz; wlc is usual"}};
    CHECK(judge(m, desired)[2] == finding{grade::fault, "Web", {}, "is not served: no scheduler xyz", "wlc is usual"});
}

TEST_CASE("somebody's packet filters, where services need them open") {
    machine_facts m;
    ipvs::desired_table desired;
    m.filters = {{"inet", "site in", "input"}, {"ip", "site pass", "forward"}, {"ip6", "six", "input"}, {"bridge", "b", "input"}};
    CHECK(grades(m, desired) == "fine fine");
    desired.services = {served(ipvs::forwarding::direct)}; // IPVS takes packets of clients behind the hook input
    auto found = judge(m, desired);
    REQUIRE(found.size() == 3);
    CHECK(found[2].text.starts_with("the chain inet site in drops what comes in"));
    desired.services = {served(ipvs::forwarding::masquerade)};
    found = judge(m, desired);
    REQUIRE(found.size() == 4);
    CHECK(found[3].text.starts_with("the chain ip site pass drops what is forwarded"));
    desired.services = {served(ipvs::forwarding::masquerade, true)};
    found = judge(m, desired);
    REQUIRE(found.size() == 4);
    CHECK(found[3].text.starts_with("the chain ip6 six drops what comes in"));
    m.no_filters = "nft did not end within 2000 ms and was killed";
    CHECK(judge(m, desired)[2].is == grade::untested);
}

TEST_CASE("a packet filter that drops in another chain, or some packets") {
    machine_facts m;
    ipvs::desired_table desired;
    desired.services = {served(ipvs::forwarding::masquerade)};
    m.filters = {{"ip", "filter INPUT", "input", "reject-input"},
                 {"ip", "filter FORWARD", "forward", "user"},
                 {"inet", "zones input", "input", "", {"iifname \"eth1\" goto pub (chain input_zones)"}},
                 {"inet", "zones forward", "forward", "", {"tcp dport 1 jump d (chain f)", "tcp dport 2 jump d (chain f)"}, true}};
    auto const found = judge(m, desired);
    REQUIRE(found.size() == 6);
    for (auto f = found.begin() + 2; f != found.end(); ++f) {
        CHECK(f->is == grade::warning);
        CHECK(f->remedy.starts_with("have it accept "));
    }
    CHECK(found[2].text == "the chain ip filter INPUT leads to the chain reject-input, which drops what comes in unless a rule "
                           "lets it through, and IPVS sees clients' packets behind it");
    CHECK(found[3].text == "the chain ip filter FORWARD leads to the chain user, which drops what is forwarded unless a rule "
                           "lets it through");
    CHECK(found[4].text == "the chain inet zones input drops some of what comes in, and IPVS sees clients' packets behind it: "
                           "iifname \"eth1\" goto pub (chain input_zones)");
    CHECK(found[5].text == "the chain inet zones forward drops some of what is forwarded: tcp dport 1 jump d (chain f); tcp "
                           "dport 2 jump d (chain f); and more");
}

TEST_CASE("reverse path filters that drop clients") {
    machine_facts m;
    ipvs::desired_table const desired;
    m.strict = {"eth0", "eth1.7"};
    CHECK(grades(m, desired) == "fine fine"); // the default route is not known
    m.default_route = "eth0";
    auto found = judge(m, desired);
    REQUIRE(found.size() == 3);
    CHECK(found[2].is == grade::warning);
    CHECK(found[2].text.starts_with("the reverse path filter of eth1.7 is strict, and the default route leads through eth0"));
    CHECK(found[2].remedy.starts_with("sysctl -w net.ipv4.conf.eth1/7.rp_filter=2,"));
    m.default_route = "";
    CHECK(grades(m, desired) == "fine fine warning warning");
    CHECK(judge(m, desired)[2].text.find("there is no default route") != std::string::npos);
}

TEST_CASE("what concerns one service") {
    finding const fine{grade::fine, {}, {}, "kernel", {}};
    finding const bad{grade::warning, {}, {}, "kernel", {}};
    finding const web{grade::fine, "Web", {}, "well", {}};
    CHECK(concerns(fine, ""));
    CHECK_FALSE(concerns(fine, "Web"));
    CHECK(concerns(bad, "Web"));
    CHECK(concerns(web, "Web"));
    CHECK_FALSE(concerns(web, "Other"));
}

TEST_CASE("an error's sentence and its remedy") {
    CHECK(make_finding(grade::fault, "Web", "it is off; switch it on; then wait") ==
          finding{grade::fault, "Web", {}, "it is off", "switch it on; then wait"});
    CHECK(make_finding(grade::fault, {}, "it is off") == finding{grade::fault, {}, {}, "it is off", {}});
}
