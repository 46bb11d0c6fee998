// SPDX-License-Identifier: Apache-2.0
// Who a service is and what two services take from each other. The words for files are in tests/data/faulty.
#include "validate_fixture.hpp"

#include <balance/text.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using namespace balance;
using namespace balance::test;
using namespace std::chrono_literals;

TEST_CASE("validate: a good service has no fault, in every mode") {
    CHECK(validate({}).empty());
    for (auto const m : {mode::dr, mode::nat, mode::snat, mode::tun, mode::tcp, mode::http}) {
        CAPTURE(to_string(m));
        CHECK(faults_of({named_service("S", m, "192.0.2.100", {{80, 80}, {4100, 4110}})}).empty());
        auto six = named_service("S", m, "2001:db8::100", {{80, 80}});
        six.servers = {{"a", ip("2001:db8::1")}};
        CHECK(faults_of({six}).empty());
    }
}

TEST_CASE("validate: names are identities") {
    CHECK(faults_of({web_service(), named_service("Web", mode::nat, "192.0.2.101", {{80, 80}})}) == paths{"service.Web"});
    CHECK(after([](auto& s) { s.name = ""; }) == paths{"service."});
    CHECK(after([](auto& s) { s.name = "a/b"; }) == paths{"service.a/b"});
    CHECK(after([](auto& s) { s.name = "a\nb"; }) == paths{"service.a\nb"});
    CHECK(after([](auto& s) { s.name = std::string(64, 'x'); }).empty());
    CHECK(after([](auto& s) { s.name = std::string(65, 'x'); }).size() == 1);
    CHECK(after([](auto& s) { s.servers.push_back({"a", ip("192.0.2.2")}); }) == paths{"service.Web.server.a"});
}

TEST_CASE("servers that repeat a name or an endpoint are named wherever they stand in the list") {
    auto s = web_service();
    s.servers = {{"c", ip("192.0.2.3")}, {"a", ip("192.0.2.1")}, {"b", ip("192.0.2.3"), 80}, {"d", ip("192.0.2.3")},
                 {"a", ip("192.0.2.4")}, {"e", ip("192.0.2.3"), 80}};
    CHECK(faults_of({s}) ==
          paths{"service.Web.server.d.address", "service.Web.server.a", "service.Web.server.e.address"});
    auto const all = validate({{s}, {}});
    CHECK(all.at(0).message.starts_with("server \"c\" of the service has the same address and port"));
    CHECK(all.at(2).message.starts_with("server \"b\" of the service has the same address and port"));

    auto other = named_service("Other", mode::nat, "192.0.2.101", {{80, 80}}); // has a server "a" as well
    CHECK(faults_of({web_service(), other}).empty());
}

TEST_CASE("validate: address, ports and mark belong together") {
    CHECK(after([](auto& s) { s.address.reset(); }) == paths{"service.Web.address"});
    CHECK(after([](auto& s) { s.ports.clear(); }) == paths{"service.Web.ports"});
    CHECK(after([](auto& s) { s.ports = {{0, 5}}; }) == paths{"service.Web.ports"});
    CHECK(after([](auto& s) { s.ports = {{9, 5}}; }) == paths{"service.Web.ports"});
    CHECK(after([](auto& s) { s.ports = {{80, 90}, {90, 99}}; }) == paths{"service.Web.ports"});
    auto const bare = [](virtual_service& s) {
        s.address.reset();
        s.ports.clear();
        s.firewall_mark = 5;
        s.check.type = health_check::kind::ping;
    };
    CHECK(after(bare).empty());
    CHECK(after([&](auto& s) {
              bare(s);
              s.ports = {{80, 80}};
          }) == paths{"service.Web.ports"});
    CHECK(after([&](auto& s) {
              bare(s);
              s.except_ports = {{80, 80}};
          }) == paths{"service.Web.except_ports"});
    CHECK(after([&](auto& s) {
              bare(s);
              s.check.type = health_check::kind::connect;
          }) == paths{"service.Web.check"});
    CHECK(after([&](auto& s) {
              bare(s);
              s.mode = mode::snat;
          }) == paths{"service.Web.snat_source"});
    CHECK(after([](auto& s) { s.except_ports = {{81, 81}}; }) == paths{"service.Web.except_ports"});
    CHECK(after([](auto& s) {
              s.firewall_mark = 5;
              s.except_ports = {{81, 81}};
          }) == paths{"service.Web.except_ports"});
    CHECK(after([](auto& s) {
              s.firewall_mark = 5;
              s.ports.clear();
              s.except_ports = {{1, 65535}};
              s.check.port = 80;
          }) == paths{"service.Web.except_ports"});
}

TEST_CASE("validate: the reserved range of marks is ours alone") {
    auto const with = [](std::uint32_t mark) { return after([mark](auto& s) { s.firewall_mark = mark; }); };
    CHECK(with(first_reserved_mark - 1).empty());
    CHECK(with(first_reserved_mark) == paths{"service.Web.firewall_mark"});
    CHECK(with(last_reserved_mark) == paths{"service.Web.firewall_mark"});
    CHECK(with(last_reserved_mark + 1).empty());
    auto one = web_service();
    auto two = named_service("Two", mode::nat, "192.0.2.101", {{80, 80}});
    one.firewall_mark = two.firewall_mark = 7;
    CHECK(faults_of({one, two}) == paths{"service.Two.firewall_mark"});
}

TEST_CASE("validate: an address, port and protocol belongs to one service") {
    auto const other = [](std::vector<port_range> ports) {
        return named_service("Other", mode::tcp, "192.0.2.100", std::move(ports));
    };
    CHECK(faults_of({web_service(), other({{81, 81}})}).empty());
    CHECK(faults_of({web_service(), other({{80, 80}})}) == paths{"service.Other.ports"});
    CHECK(faults_of({web_service(), other({{70, 90}})}) == paths{"service.Other.ports"});
    CHECK(faults_of({other({{70, 90}}), web_service()}) == paths{"service.Web.ports"});
    auto star = other({{1, 65535}});
    star.servers[0].port = 8080;
    CHECK(faults_of({web_service(), star}) == paths{"service.Other.ports"});
    auto elsewhere = other({{80, 80}});
    elsewhere.address = ip("192.0.2.101");
    CHECK(faults_of({web_service(), elsewhere}).empty());

    auto udp = named_service("Udp", mode::nat, "192.0.2.100", {{80, 80}});
    udp.protocol = protocol::udp;
    udp.check.type = health_check::kind::ping;
    CHECK(faults_of({web_service(), udp}).empty());
    udp.protocol = protocol::tcp_udp;
    CHECK(faults_of({web_service(), udp}) == paths{"service.Udp.ports"});
}

TEST_CASE("validate: a mark service's ports count when it has an address, and only the ones it takes") {
    auto all_but = named_service("AllBut", mode::snat, "192.0.2.100", {});
    all_but.firewall_mark = 999999;
    all_but.except_ports = {{20000, 20000}};
    all_but.check.port = 80;
    auto one = named_service("One", mode::snat, "192.0.2.100", {{20000, 20000}});
    one.firewall_mark = 20000;
    CHECK(faults_of({all_but, one}).empty());
    one.ports = {{20001, 20001}};
    CHECK(faults_of({all_but, one}) == paths{"service.One.ports"});
    one.ports = {{19999, 20000}};
    CHECK(faults_of({all_but, one}) == paths{"service.One.ports"});

    auto marked = named_service("Marked", mode::nat, "192.0.2.100", {});
    marked.firewall_mark = 5; // the operator's rules decide which packets: unknown here
    marked.check.port = 80;
    CHECK(faults_of({web_service(), marked}).empty());
}

TEST_CASE("validate: TLS ports are the service's too") {
    auto s = named_service("S", mode::http, "192.0.2.100", {{8080, 8080}});
    s.tls = tls_termination{{{443, 443}}, "web"};
    CHECK(faults_of({s, web_service()}).empty());
    s.tls->ports = {{80, 80}};
    CHECK(faults_of({web_service(), s}) == paths{"service.S.tls.ports"});
    s.tls->ports = {{8080, 8080}};
    CHECK(faults_of({s}) == paths{"service.S.tls.ports"});
    s.tls->ports = {};
    CHECK(faults_of({s}) == paths{"service.S.tls.ports"});
}

TEST_CASE("validate: a server's port cannot be shared by layer 7 and snat") {
    auto proxy = named_service("Proxy", mode::tcp, "192.0.2.100", {{80, 80}});
    auto kernel = named_service("Kernel", mode::snat, "192.0.2.101", {{80, 80}});
    CHECK(faults_of({proxy, kernel}) == paths{"service.Kernel.server.a"});
    CHECK(faults_of({kernel, proxy}) == paths{"service.Proxy.server.a"});
    proxy.servers[0].port = 8080;
    CHECK(faults_of({proxy, kernel}).empty());
    kernel.ports = {{8000, 9000}};
    CHECK(faults_of({proxy, kernel}) == paths{"service.Kernel.server.a"});
    kernel.servers[0].port = 81;
    CHECK(faults_of({proxy, kernel}).empty());
    proxy.servers[0].port = 81;
    kernel.mode = mode::nat;
    CHECK(faults_of({proxy, kernel}).empty());
    kernel.mode = mode::snat;
    kernel.protocol = protocol::udp;
    kernel.check.type = health_check::kind::ping;
    CHECK(faults_of({proxy, kernel}).empty());
}

TEST_CASE("validate: many services are judged in good time") {
    std::vector<virtual_service> many;
    for (int i = 0; i < 20000; ++i) {
        auto s = named_service("S" + std::to_string(i), mode::tcp, "192.0.2.100", {});
        auto const port = static_cast<std::uint16_t>(i + 1);
        s.ports = {{port, port}};
        many.push_back(std::move(s));
    }
    many.push_back(named_service("Late", mode::nat, "192.0.2.100", {{500, 500}}));
    auto const began = std::chrono::steady_clock::now();
    CHECK(faults_of(many) == paths{"service.Late.ports"});
    CHECK(std::chrono::steady_clock::now() - began < 5s); // quadratic would be minutes
}
