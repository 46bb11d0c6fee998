// SPDX-License-Identifier: Apache-2.0
#include "doctor/judge.hpp"

#include <catch2/catch.hpp>

using namespace balance;
using namespace balance::doctor;
using grade = finding::grade;

namespace {

auto const make = [](char const* text) { return boost::asio::ip::make_address(text); };

constexpr mac_address server_mac{0x52, 0x54, 0, 0, 0, 0x20};

struct scene {
    explicit scene(mode m) {
        service.name = "Web";
        service.mode = m;
        service.address = make("203.0.113.100");
        service.ports = {{80, 80}};
        server = {"web1", make("198.51.100.20"), 0, 100, 0, 0};
        view.service = &service;
        view.server = &server;
        view.port = 80;
        view.route = way{{2, "eth0", {2, 0, 0, 0, 0, 1}, 1500}, boost::asio::ip::make_address_v4("198.51.100.9"), {}};
        view.mac = server_mac;
    }
    scene(scene const&) = delete;
    scene& operator=(scene const&) = delete;

    /// "fault: 198.51.100.20 …" of the findings, one a line.
    [[nodiscard]] std::vector<std::string> said() const {
        std::vector<std::string> out;
        for (auto const& f : judge(view)) {
            CHECK(f.service == "Web");
            CHECK(f.server == "web1");
            CHECK((f.is == grade::fine || f.is == grade::untested || !f.remedy.empty()));
            out.push_back(std::string(to_string(f.is)) + ": " + f.text);
        }
        return out;
    }

    virtual_service service;
    real_server server;
    server_view view;
};

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("a server of direct routing") {
    scene s(mode::dr);
    s.view.to_client = reply::accepted;
    CHECK(s.said() ==
          lines{"fine: 198.51.100.20 takes packets for 203.0.113.100:80, and does not answer ARP for the address"});

    s.view.claims_service_address = true;
    CHECK(s.said() == lines{"fault: 198.51.100.20 answers ARP for 203.0.113.100 (52:54:00:00:00:20): clients reach it past "
                            "the balancer"});
    s.view.claims_service_address = false;
    s.view.to_client = reply::none;
    CHECK(s.said() == lines{"fault: 198.51.100.20 takes no packets for 203.0.113.100:80: nothing came back"});
    s.view.to_client = reply::refused;
    CHECK(s.said() == lines{"fault: 198.51.100.20 has the address 203.0.113.100, and no program listens on "
                            "203.0.113.100:80"});
    s.service.protocol = protocol::udp; // a reset says that the address is there, and of UDP no more can be asked
    CHECK(s.said().front().starts_with("fine: "));
    s.view.mac.reset();
    CHECK(s.said() == lines{"fault: 198.51.100.20 does not answer ARP on eth0"});
    s.view.route->gateway = boost::asio::ip::make_address_v4("198.51.100.1");
    CHECK(s.said() == lines{"fault: 198.51.100.20 is reached through the router 198.51.100.1, and mode dr reaches "
                            "neighbours alone"});
    s.view.route.reset();
    CHECK(s.said() == lines{"fault: 198.51.100.20 cannot be reached: there is no route"});
}

TEST_CASE("a server of nat") {
    scene s(mode::nat);
    s.view.to_us = s.view.to_client = reply::accepted;
    CHECK(s.said() == lines{"fine: 198.51.100.20 sends its replies back through this node"});
    s.view.to_us = s.view.to_client = reply::refused; // also a reset shows the way
    CHECK(s.said() == lines{"fine: 198.51.100.20 sends its replies back through this node"});
    s.view.to_client = reply::none;
    CHECK(s.said() == lines{"fault: 198.51.100.20 answers this node on 198.51.100.20:80, and does not send replies to "
                            "clients of other networks through it"});
    s.view.to_us = reply::none;
    CHECK(s.said() == lines{"untested: 198.51.100.20 does not answer on 198.51.100.20:80, so the way of its replies is not "
                            "known"});
    s.view.route->gateway = boost::asio::ip::make_address_v4("198.51.100.1");
    CHECK(s.said() == lines{"untested: 198.51.100.20 is reached through the router 198.51.100.1: whether its replies come "
                            "back through this node cannot be seen from here"});
}

TEST_CASE("a server at the end of a tunnel") {
    scene s(mode::tun);
    s.view.mac.reset();
    s.view.route->through.mtu = 1520;
    s.view.to_client = reply::accepted;
    CHECK(s.said() == lines{"fine: 198.51.100.20 takes packets for 203.0.113.100:80 out of the tunnel"});
    s.view.route->through.mtu = 1519;
    auto const two = s.said();
    REQUIRE(two.size() == 2);
    CHECK(two[1].starts_with("warning: 198.51.100.20 packets of 1500 bytes and the tunnel's 20 do not fit through eth0 (MTU "
                             "1519)"));
    s.service.tunnel.type = tunnel::kind::gue;
    s.view.route->through.mtu = 1531;
    CHECK(judge(s.view)[1].remedy == "raise the MTU on the way to 1532, or have the server's routes say advmss 1459");
    s.view.to_client = reply::none;
    CHECK(s.said().front() == "fault: 198.51.100.20 takes no packets for 203.0.113.100:80: nothing came back");
}

TEST_CASE("where a server is asked") {
    scene s(mode::dr);
    CHECK(port_to_ask(s.service, s.server) == 80);
    s.service.ports = {{4100, 4110}, {80, 80}};
    s.service.check.port = 80; // what the check connects to is surely open
    CHECK(port_to_ask(s.service, s.server) == 80);
    s.service.check.port = 90;
    CHECK(port_to_ask(s.service, s.server) == 4100);
    s.service.ports = {{1, 65535}};
    CHECK(port_to_ask(s.service, s.server) == 90);
    s.service.mode = mode::nat;
    s.server.port = 8080;
    CHECK(port_to_ask(s.service, s.server) == 8080);
}

TEST_CASE("what cannot be asked") {
    scene s(mode::nat);
    CHECK(cannot_ask(s.service, true).empty());
    CHECK(cannot_ask(s.service, false).find("active node") != std::string::npos);
    s.service.mode = mode::dr;
    CHECK(cannot_ask(s.service, false).empty());
    s.service.address = make("2001:db8::1");
    CHECK_FALSE(cannot_ask(s.service, true).empty());
    s.service.address.reset();
    CHECK_FALSE(cannot_ask(s.service, true).empty());
}

TEST_CASE("a service's address on another machine") {
    scene const s(mode::dr);
    std::set<mac_address> const others{{0xde, 0xad, 0, 0, 0, 1}};
    CHECK(judge(s.service, {}, true).empty());
    CHECK(judge(s.service, others, false).empty()); // the active node's
    auto const found = judge(s.service, others, true);
    REQUIRE(found.size() == 1);
    CHECK(found[0].is == grade::fault);
    CHECK(found[0].text == "203.0.113.100 is on another machine too: de:ad:00:00:00:01 answers ARP for it");
}

TEST_CASE("what the machine lacks") {
    machine_facts m;
    m.kernel = "6.1.0";
    ipvs::desired_table desired;
    auto const grades = [&] {
        std::string out;
        for (auto const& f : judge(m, desired)) {
            out += (out.empty() ? "" : " ") + std::string(to_string(f.is));
        }
        return out;
    };
    CHECK(grades() == "fine fine");
    m.no_nft = "there is no program nft";
    CHECK(grades() == "fine warning");
    desired.rules.guarded_interface = "x";
    CHECK(grades() == "fine fault");
    m = {};
    m.no_ipvs = "this kernel has no IPVS";
    CHECK(grades() == "fault fine");
    m = {};
    m.settings = {{{"net.ipv4.ip_forward", "1", "replies are forwarded", "replies are lost"}, "1"}};
    CHECK(grades() == "fine fine fine");
    m.settings[0].is = "0";
    CHECK(grades() == "fine fine fault");
    CHECK(judge(m, desired)[2].remedy == "sysctl -w net.ipv4.ip_forward=1");
    m.settings[0].wanted.without.clear();
    CHECK(grades() == "fine fine warning");
    m.filters = {"inet filter forward"};
    CHECK(grades() == "fine fine warning warning");
    m.settings.clear(); // nothing is forwarded, so nobody's chain matters
    CHECK(grades() == "fine fine");
    m.strict = {{"eth1", "eth0"}};
    CHECK(grades() == "fine fine warning");
    desired.refused = {{"Web", "no scheduler xyz"}};
    CHECK(judge(m, desired)[2].service == "Web");
}

TEST_CASE("chains that drop what is forwarded") {
    CHECK(dropping_chains("").empty());
    CHECK(dropping_chains("table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n"
                          "\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n"
                          "table inet dyad {\n\tchain f {\n\t\ttype filter hook forward priority 0; policy drop;\n\t}\n}\n"
                          "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy accept;\n"
                          "\t}\n\tchain DOCKER {\n\t}\n}\n") == lines{"inet filter forward"});
}
