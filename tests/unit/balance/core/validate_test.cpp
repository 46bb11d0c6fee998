// SPDX-License-Identifier: Apache-2.0
// What an embedder's values may contradict; the words for files are in tests/data/faulty.
#include <balance/text.hpp>
#include <balance/validate.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using namespace balance;
using namespace std::chrono_literals;

namespace {

address ip(char const* text) { return boost::asio::ip::make_address(text); }

virtual_service service(std::string name, mode m, char const* where, std::vector<port_range> ports) {
    virtual_service s;
    s.name = std::move(name);
    s.mode = m;
    s.address = ip(where);
    s.ports = std::move(ports);
    s.servers = {{"a", ip("192.0.2.1")}};
    return s;
}

virtual_service web() { return service("Web", mode::nat, "192.0.2.100", {{80, 80}}); }

using paths = std::vector<std::string>;

/// The paths of all faults, joined with dots.
paths faults_of(std::vector<virtual_service> services) {
    paths out;
    for (auto const& f : validate({std::move(services), {}})) {
        std::string path = f.warning ? "warning " : "";
        for (auto const& step : f.path) {
            path += (path.empty() || path.back() == ' ' ? "" : ".") + step;
        }
        out.push_back(path);
    }
    return out;
}

template <class Change>
paths after(Change change, virtual_service s = web()) {
    change(s);
    return faults_of({s});
}

} // namespace

TEST_CASE("validate: a good service has no fault, in every mode") {
    CHECK(validate({}).empty());
    for (auto const m : {mode::dr, mode::nat, mode::snat, mode::tun, mode::tcp, mode::http}) {
        CAPTURE(to_string(m));
        CHECK(faults_of({service("S", m, "192.0.2.100", {{80, 80}, {4100, 4110}})}).empty());
        auto six = service("S", m, "2001:db8::100", {{80, 80}});
        six.servers = {{"a", ip("2001:db8::1")}};
        CHECK(faults_of({six}).empty());
    }
}

TEST_CASE("validate: names are identities") {
    CHECK(faults_of({web(), service("Web", mode::nat, "192.0.2.101", {{80, 80}})}) == paths{"service.Web"});
    CHECK(after([](auto& s) { s.name = ""; }) == paths{"service."});
    CHECK(after([](auto& s) { s.name = "a/b"; }) == paths{"service.a/b"});
    CHECK(after([](auto& s) { s.name = "a\nb"; }) == paths{"service.a\nb"});
    CHECK(after([](auto& s) { s.name = std::string(64, 'x'); }).empty());
    CHECK(after([](auto& s) { s.name = std::string(65, 'x'); }).size() == 1);
    CHECK(after([](auto& s) { s.servers.push_back({"a", ip("192.0.2.2")}); }) == paths{"service.Web.server.a"});
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
    CHECK(after([&](auto& s) { bare(s); s.ports = {{80, 80}}; }) == paths{"service.Web.ports"});
    CHECK(after([&](auto& s) { bare(s); s.except_ports = {{80, 80}}; }) == paths{"service.Web.except_ports"});
    CHECK(after([&](auto& s) { bare(s); s.check.type = health_check::kind::connect; }) == paths{"service.Web.check"});
    CHECK(after([&](auto& s) { bare(s); s.mode = mode::snat; }) == paths{"service.Web.snat_source"});
    CHECK(after([](auto& s) { s.except_ports = {{81, 81}}; }) == paths{"service.Web.except_ports"});
    CHECK(after([](auto& s) { s.firewall_mark = 5; s.except_ports = {{81, 81}}; }) == paths{"service.Web.except_ports"});
    CHECK(after([](auto& s) { s.firewall_mark = 5; s.ports.clear(); s.except_ports = {{1, 65535}}; s.check.port = 80; }) ==
          paths{"service.Web.except_ports"});
}

TEST_CASE("validate: the reserved range of marks is ours alone") {
    auto const with = [](std::uint32_t mark) { return after([mark](auto& s) { s.firewall_mark = mark; }); };
    CHECK(with(first_reserved_mark - 1).empty());
    CHECK(with(first_reserved_mark) == paths{"service.Web.firewall_mark"});
    CHECK(with(last_reserved_mark) == paths{"service.Web.firewall_mark"});
    CHECK(with(last_reserved_mark + 1).empty());
    auto one = web();
    auto two = service("Two", mode::nat, "192.0.2.101", {{80, 80}});
    one.firewall_mark = two.firewall_mark = 7;
    CHECK(faults_of({one, two}) == paths{"service.Two.firewall_mark"});
}

TEST_CASE("validate: an address, port and protocol belongs to one service") {
    auto const other = [](std::vector<port_range> ports) { return service("Other", mode::tcp, "192.0.2.100", std::move(ports)); };
    CHECK(faults_of({web(), other({{81, 81}})}).empty());
    CHECK(faults_of({web(), other({{80, 80}})}) == paths{"service.Other.ports"});
    CHECK(faults_of({web(), other({{70, 90}})}) == paths{"service.Other.ports"});
    CHECK(faults_of({other({{70, 90}}), web()}) == paths{"service.Web.ports"});
    auto star = other({{1, 65535}});
    star.servers[0].port = 8080;
    CHECK(faults_of({web(), star}) == paths{"service.Other.ports"});
    auto elsewhere = other({{80, 80}});
    elsewhere.address = ip("192.0.2.101");
    CHECK(faults_of({web(), elsewhere}).empty());

    auto udp = service("Udp", mode::nat, "192.0.2.100", {{80, 80}});
    udp.protocol = protocol::udp;
    udp.check.type = health_check::kind::ping;
    CHECK(faults_of({web(), udp}).empty());
    udp.protocol = protocol::tcp_udp;
    CHECK(faults_of({web(), udp}) == paths{"service.Udp.ports"});
}

TEST_CASE("validate: a mark service's ports count when it has an address, and only the ones it takes") {
    auto all_but = service("AllBut", mode::snat, "192.0.2.100", {});
    all_but.firewall_mark = 999999;
    all_but.except_ports = {{20000, 20000}};
    all_but.check.port = 80;
    auto one = service("One", mode::snat, "192.0.2.100", {{20000, 20000}});
    one.firewall_mark = 20000;
    CHECK(faults_of({all_but, one}).empty());
    one.ports = {{20001, 20001}};
    CHECK(faults_of({all_but, one}) == paths{"service.One.ports"});
    one.ports = {{19999, 20000}};
    CHECK(faults_of({all_but, one}) == paths{"service.One.ports"});

    auto marked = service("Marked", mode::nat, "192.0.2.100", {});
    marked.firewall_mark = 5; // the operator's rules decide which packets: unknown here
    marked.check.port = 80;
    CHECK(faults_of({web(), marked}).empty());
}

TEST_CASE("validate: TLS ports are the service's too") {
    auto s = service("S", mode::http, "192.0.2.100", {{8080, 8080}});
    s.tls = tls_termination{{{443, 443}}, "web"};
    CHECK(faults_of({s, web()}).empty());
    s.tls->ports = {{80, 80}};
    CHECK(faults_of({web(), s}) == paths{"service.S.tls.ports"});
    s.tls->ports = {{8080, 8080}};
    CHECK(faults_of({s}) == paths{"service.S.tls.ports"});
    s.tls->ports = {};
    CHECK(faults_of({s}) == paths{"service.S.tls.ports"});
}

TEST_CASE("validate: a server's port cannot be shared by layer 7 and snat") {
    auto proxy = service("Proxy", mode::tcp, "192.0.2.100", {{80, 80}});
    auto kernel = service("Kernel", mode::snat, "192.0.2.101", {{80, 80}});
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

TEST_CASE("validate: direct routing and tunnels translate no port and no family") {
    auto const dr = service("S", mode::dr, "192.0.2.100", {{80, 80}});
    CHECK(after([](auto& s) { s.servers[0].port = 80; }, dr).empty());
    CHECK(after([](auto& s) { s.servers[0].port = 81; }, dr) == paths{"service.S.server.a.port"});
    CHECK(after([](auto& s) { s.servers[0].port = 81; s.mode = mode::tun; }, dr) == paths{"service.S.server.a.port"});
    CHECK(after([](auto& s) { s.servers[0].port = 80; s.ports = {{80, 81}}; }, dr) == paths{"service.S.server.a.port"});
    CHECK(after([](auto& s) { s.servers[0].port = 81; s.mode = mode::nat; }, dr).empty());
    CHECK(after([](auto& s) { s.servers[0].address = ip("2001:db8::1"); }, dr) == paths{"service.S.server.a.address"});
    CHECK(after([](auto& s) { s.servers[0].address = ip("2001:db8::1"); s.mode = mode::tun; }, dr).empty());
    CHECK(after([](auto& s) { s.servers[0].address = ip("2001:db8::1"); s.mode = mode::tcp; }, dr).empty());
}

TEST_CASE("validate: fallback") {
    auto const dr = service("S", mode::dr, "192.0.2.100", {{80, 80}});
    auto const local = [](auto& s) { s.fallback.mode = fallback::kind::local; };
    CHECK(after(local, dr) == paths{"service.S.fallback"});
    CHECK(after(local).empty());
    CHECK(after([&](auto& s) { local(s); s.ports = {{9081, 9081}}; }, dr).empty());
    CHECK(after([&](auto& s) { local(s); s.ports = {{9081, 9081}, {80, 80}}; }, dr) == paths{"service.S.fallback"});
    auto const server = [](char const* where, std::uint16_t port) {
        return [=](auto& s) { s.fallback = {fallback::kind::server, {ip(where), port}}; };
    };
    CHECK(after(server("192.0.2.9", 80), dr).empty());
    CHECK(after(server("192.0.2.9", 81), dr) == paths{"service.S.fallback"});
    CHECK(after(server("192.0.2.9", 81)).empty());
    CHECK(after(server("2001:db8::9", 81)) == paths{"service.Web.fallback"});
    CHECK(after([&](auto& s) { server("2001:db8::9", 81)(s); s.mode = mode::tcp; }).empty());
    CHECK(after(server("192.0.2.9", 0)) == paths{"service.Web.fallback"});
}

TEST_CASE("validate: persistence") {
    auto const with = [](mode m, persistence p) { return after([&](auto& s) { s.mode = m; s.persistence = p; }); };
    using kind = persistence::kind;
    CHECK(with(mode::nat, {kind::source_ip, 1s, 0}).empty());
    CHECK(with(mode::nat, {kind::source_ip, 744h, 32}).empty());
    CHECK(with(mode::nat, {kind::source_ip, 0s, {}}) == paths{"service.Web.persistence.timeout"});
    CHECK(with(mode::nat, {kind::source_ip, 744h + 1s, {}}) == paths{"service.Web.persistence.timeout"});
    CHECK(with(mode::nat, {kind::source_ip, 1s, 33}) == paths{"service.Web.persistence.granularity"});
    CHECK(with(mode::http, {kind::http_cookie, 1s, {}}).empty());
    CHECK(with(mode::http, {kind::http_cookie, 1s, 24}) == paths{"service.Web.persistence.granularity"});
    CHECK(with(mode::tcp, {kind::http_cookie, 1s, {}}) == paths{"service.Web.persistence.mode"});
    CHECK(with(mode::tcp, {kind::last_successful, 1s, {}}).empty());
    CHECK(with(mode::nat, {kind::last_successful, 1s, {}}) == paths{"service.Web.persistence.mode"});
    CHECK(with(mode::nat, {kind::none, 0s, {}}).empty());

    auto six = service("S", mode::dr, "2001:db8::100", {{80, 80}});
    six.servers = {{"a", ip("2001:db8::1")}};
    six.persistence = {kind::source_ip, 1s, 0};
    CHECK(faults_of({six}) == paths{"service.S.persistence.granularity"});
    six.mode = mode::tcp;
    CHECK(faults_of({six}).empty());
    six.persistence.granularity = 128;
    CHECK(faults_of({six}).empty());
}

TEST_CASE("validate: what belongs to the other layer") {
    CHECK(after([](auto& s) { s.tls = tls_termination{{{443, 443}}, "c"}; }) == paths{"service.Web.tls"});
    CHECK(after([](auto& s) { s.re_encrypt = true; }) == paths{"service.Web.re_encrypt"});
    CHECK(after([](auto& s) { s.transparent = true; }) == paths{"service.Web.transparent"});
    CHECK(after([](auto& s) { s.slow_start = 1s; }) == paths{"service.Web.slow_start"});
    CHECK(after([](auto& s) { s.balance = "first"; }) == paths{"service.Web.balance"});
    CHECK(after([](auto& s) { s.snat_source = ip("192.0.2.7"); }) == paths{"service.Web.snat_source"});
    CHECK(after([](auto& s) { s.mode = mode::snat; s.snat_source = ip("192.0.2.7"); }).empty());
    CHECK(after([](auto& s) { s.mode = mode::snat; s.snat_source = ip("2001:db8::7"); }) == paths{"service.Web.snat_source"});
    auto const proxy = service("P", mode::tcp, "192.0.2.100", {{80, 80}});
    CHECK(after([](auto& s) { s.balance = "sed"; }, proxy) == paths{"service.P.balance"});
    CHECK(after([](auto& s) { s.balance = "uri"; }, proxy) == paths{"service.P.balance"});
    CHECK(after([](auto& s) { s.balance = "uri"; s.mode = mode::http; }, proxy).empty());
    CHECK(after([](auto& s) { s.firewall_mark = 5; }, proxy) == paths{"service.P.firewall_mark"});
    CHECK(after([](auto& s) { s.servers[0].max_connections = s.servers[0].min_connections = 5; }, proxy) ==
          paths{"service.P.server.a.min_connections"});
    for (auto const* name : {"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf", "twos"}) {
        CHECK(after([name](auto& s) { s.balance = name; }).empty());
    }
}

TEST_CASE("validate: thresholds as the kernel wants them") {
    auto const with = [](std::uint32_t least, std::uint32_t most) {
        return after([=](auto& s) { s.servers[0].min_connections = least; s.servers[0].max_connections = most; });
    };
    CHECK(with(0, 1990).empty());
    CHECK(with(5, 5).empty());
    CHECK(with(6, 5) == paths{"service.Web.server.a.min_connections"});
    CHECK(with(6, 0) == paths{"service.Web.server.a.min_connections"});
}

TEST_CASE("validate: checks") {
    auto const with = [](auto change) { return after([&](auto& s) { change(s.check); }); };
    using kind = health_check::kind;
    CHECK(with([](auto& c) { c.type = kind::http; c.request = "/a"; c.expect.equals = "OK"; }).empty());
    CHECK(with([](auto& c) { c.type = kind::http; c.request = "a"; }) == paths{"service.Web.check.request"});
    CHECK(with([](auto& c) { c.type = kind::http; c.request = "/a\r\nX: y"; }) == paths{"service.Web.check.request"});
    CHECK(with([](auto& c) { c.type = kind::https; c.host = "a b"; }) == paths{"service.Web.check.host"});
    CHECK(with([](auto& c) { c.type = kind::https; c.verify = true; }).empty());
    CHECK(with([](auto& c) { c.type = kind::http; c.verify = true; }) == paths{"service.Web.check.verify"});
    CHECK(with([](auto& c) { c.type = kind::http; c.method = "PUT"; }) == paths{"service.Web.check.method"});
    CHECK(with([](auto& c) { c.type = kind::http; c.method = "HEAD"; c.expect.status = 200; }).empty());
    CHECK(with([](auto& c) { c.type = kind::http; c.method = "HEAD"; c.expect.regex = "a"; }) == paths{"service.Web.check.expect"});
    CHECK(with([](auto& c) { c.type = kind::http; c.expect.status = 600; }) == paths{"service.Web.check.expect.status"});
    CHECK(with([](auto& c) { c.expect.status = 200; }) == paths{"service.Web.check.expect"});
    CHECK(with([](auto& c) { c.type = kind::external; c.command = "/bin/true"; }).empty());
    CHECK(with([](auto& c) { c.type = kind::external; }) == paths{"service.Web.check.command"});
    CHECK(with([](auto& c) { c.command = "/bin/true"; }) == paths{"service.Web.check.command"});
    CHECK(with([](auto& c) { c.rise = 0; c.fall = 0; c.interval = 0ms; c.timeout = 0ms; }).size() == 4);
    for (auto const k : {kind::ping, kind::on, kind::off}) {
        CHECK(after([k](auto& s) { s.ports = {{1, 65535}}; s.check.type = k; }).empty());
    }
    CHECK(after([](auto& s) { s.ports = {{1, 65535}}; }) == paths{"service.Web.check"});
    CHECK(after([](auto& s) { s.ports = {{1, 65535}}; s.check.port = 80; }).empty());
    CHECK(after([](auto& s) { s.ports = {{1, 65535}}; s.servers[0].port = 80; }).empty());
}

TEST_CASE("validate: what loads all the same is a warning") {
    CHECK(after([](auto& s) { s.servers.clear(); }) == paths{"warning service.Web.server"});
    CHECK(after([](auto& s) { s.protocol = protocol::udp; }) == paths{"warning service.Web.check"});
    CHECK(after([](auto& s) { s.mode = mode::tcp; s.re_encrypt = true; s.tls = tls_termination{{{443, 443}}, "c"}; }) ==
          paths{"warning service.Web.re_encrypt"});
}

TEST_CASE("validate: not_served names what is not built") {
    CHECK(not_served(web()).empty());
    CHECK(not_served(service("S", mode::dr, "192.0.2.1", {})).empty());
    auto s = service("S", mode::tcp, "192.0.2.100", {{80, 80}});
    CHECK(not_served(s).empty());
    s.mode = mode::http;
    CHECK(not_served(s) == "mode http is not built yet; this version keeps the service in the configuration only");
    s.tls = tls_termination{{{443, 443}}, "c"};
    s.re_encrypt = true;
    CHECK(not_served(s) ==
          "mode http, TLS termination and re-encryption are not built yet; this version keeps the service in the configuration only");
}

TEST_CASE("validate: many services are judged in good time") {
    std::vector<virtual_service> many;
    for (int i = 0; i < 20000; ++i) {
        auto s = service("S" + std::to_string(i), mode::tcp, "192.0.2.100", {});
        auto const port = static_cast<std::uint16_t>(i + 1);
        s.ports = {{port, port}};
        many.push_back(std::move(s));
    }
    many.push_back(service("Late", mode::nat, "192.0.2.100", {{500, 500}}));
    auto const began = std::chrono::steady_clock::now();
    CHECK(faults_of(many) == paths{"service.Late.ports"});
    CHECK(std::chrono::steady_clock::now() - began < 5s); // quadratic would be minutes
}
