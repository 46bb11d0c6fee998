// SPDX-License-Identifier: Apache-2.0
// How a service balances, its servers and its checks.
#include "validate_fixture.hpp"

#include <balance/text.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using namespace balance;
using namespace balance::test;
using namespace std::chrono_literals;

TEST_CASE("validate: direct routing and tunnels translate no port and no family") {
    auto const dr = named_service("S", mode::dr, "192.0.2.100", {{80, 80}});
    CHECK(after([](auto& s) { s.servers[0].port = 80; }, dr).empty());
    CHECK(after([](auto& s) { s.servers[0].port = 81; }, dr) == paths{"service.S.server.a.port"});
    CHECK(after(
              [](auto& s) {
                  s.servers[0].port = 81;
                  s.mode = mode::tun;
              },
              dr) == paths{"service.S.server.a.port"});
    CHECK(after(
              [](auto& s) {
                  s.servers[0].port = 80;
                  s.ports = {{80, 81}};
              },
              dr) == paths{"service.S.server.a.port"});
    CHECK(after(
              [](auto& s) {
                  s.servers[0].port = 81;
                  s.mode = mode::nat;
              },
              dr)
              .empty());
    CHECK(after([](auto& s) { s.servers[0].address = ip("2001:db8::1"); }, dr) == paths{"service.S.server.a.address"});
    CHECK(after(
              [](auto& s) {
                  s.servers[0].address = ip("2001:db8::1");
                  s.mode = mode::tun;
              },
              dr)
              .empty());
    CHECK(after(
              [](auto& s) {
                  s.servers[0].address = ip("2001:db8::1");
                  s.mode = mode::tcp;
              },
              dr)
              .empty());
}

TEST_CASE("validate: fallback") {
    auto const dr = named_service("S", mode::dr, "192.0.2.100", {{80, 80}});
    auto const local = [](auto& s) { s.fallback.mode = fallback::kind::local; };
    CHECK(after(local, dr) == paths{"service.S.fallback"});
    CHECK(after(local).empty());
    CHECK(after(
              [&](auto& s) {
                  local(s);
                  s.ports = {{9081, 9081}};
              },
              dr)
              .empty());
    CHECK(after(
              [&](auto& s) {
                  local(s);
                  s.ports = {{9081, 9081}, {80, 80}};
              },
              dr) == paths{"service.S.fallback"});
    auto const server = [](char const* where, std::uint16_t port) {
        return [=](auto& s) { s.fallback = {fallback::kind::server, {ip(where), port}}; };
    };
    CHECK(after(server("192.0.2.9", 80), dr).empty());
    CHECK(after(server("192.0.2.9", 81), dr) == paths{"service.S.fallback"});
    CHECK(after(server("192.0.2.9", 81)).empty());
    CHECK(after(server("2001:db8::9", 81)) == paths{"service.Web.fallback"});
    CHECK(after([&](auto& s) {
              server("2001:db8::9", 81)(s);
              s.mode = mode::tcp;
          }).empty());
    CHECK(after(server("192.0.2.9", 0)) == paths{"service.Web.fallback"});
}

TEST_CASE("validate: persistence") {
    auto const with = [](mode m, persistence p) {
        return after([&](auto& s) {
            s.mode = m;
            s.persistence = p;
        });
    };
    using kind = persistence::kind;
    CHECK(with(mode::nat, {kind::source_ip, 1s, 0}).empty());
    CHECK(with(mode::nat, {kind::source_ip, 744h, 32}).empty());
    CHECK(with(mode::nat, {kind::source_ip, 0s, {}}) == paths{"service.Web.persistence.timeout"});
    CHECK(with(mode::nat, {kind::source_ip, 744h + 1s, {}}) == paths{"service.Web.persistence.timeout"});
    CHECK(with(mode::nat, {kind::source_ip, 1s, 33}) == paths{"service.Web.persistence.granularity"});
    CHECK(with(mode::http, {kind::http_cookie, 1s, {}}).empty());
    CHECK(with(mode::http, {kind::http_cookie, 1s, 24}) == paths{"service.Web.persistence.granularity"});
    CHECK(with(mode::http, {kind::app_cookie, 1s, {}, "JSESSIONID"}).empty());
    CHECK(with(mode::http, {kind::app_cookie, 1s, {}}) == paths{"service.Web.persistence.cookie"});
    CHECK(with(mode::tcp, {kind::app_cookie, 1s, {}, "JSESSIONID"}) == paths{"service.Web.persistence.mode"});
    CHECK(with(mode::tcp, {kind::http_cookie, 1s, {}}) == paths{"service.Web.persistence.mode"});
    CHECK(with(mode::tcp, {kind::last_successful, 1s, {}}).empty());
    CHECK(with(mode::nat, {kind::last_successful, 1s, {}}) == paths{"service.Web.persistence.mode"});
    CHECK(with(mode::nat, {kind::none, 0s, {}}).empty());

    auto six = named_service("S", mode::dr, "2001:db8::100", {{80, 80}});
    six.servers = {{"a", ip("2001:db8::1")}};
    six.persistence = {kind::source_ip, 1s, 0};
    CHECK(faults_of({six}) == paths{"service.S.persistence.granularity"});
    six.mode = mode::tcp;
    CHECK(faults_of({six}).empty());
    six.persistence.granularity = 128;
    CHECK(faults_of({six}).empty());
}

TEST_CASE("validate: what belongs to the other layer") {
    CHECK(after([](auto& s) { s.tls = tls_termination{{{443, 443}}, {"c"}}; }) == paths{"service.Web.tls"});
    CHECK(after([](auto& s) { s.re_encrypt = true; }) == paths{"service.Web.re_encrypt"});
    CHECK(after([](auto& s) { s.transparent = true; }) == paths{"service.Web.transparent"});
    CHECK(after([](auto& s) { s.slow_start = 1s; }) == paths{"service.Web.slow_start"});
    CHECK(after([](auto& s) { s.balance = "first"; }) == paths{"service.Web.balance"});
    CHECK(after([](auto& s) { s.snat_source = ip("192.0.2.7"); }) == paths{"service.Web.snat_source"});
    CHECK(after([](auto& s) {
              s.mode = mode::snat;
              s.snat_source = ip("192.0.2.7");
          }).empty());
    CHECK(after([](auto& s) {
              s.mode = mode::snat;
              s.snat_source = ip("2001:db8::7");
          }) == paths{"service.Web.snat_source"});
    auto const proxy = named_service("P", mode::tcp, "192.0.2.100", {{80, 80}});
    CHECK(after([](auto& s) { s.balance = "sed"; }, proxy) == paths{"service.P.balance"});
    CHECK(after([](auto& s) { s.balance = "uri"; }, proxy) == paths{"service.P.balance"});
    CHECK(after(
              [](auto& s) {
                  s.balance = "uri";
                  s.mode = mode::http;
              },
              proxy)
              .empty());
    CHECK(after([](auto& s) { s.firewall_mark = 5; }, proxy) == paths{"service.P.firewall_mark"});
    CHECK(after([](auto& s) { s.servers[0].max_connections = s.servers[0].min_connections = 5; }, proxy) ==
          paths{"service.P.server.a.min_connections"});
    for (auto const* name :
         {"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf", "twos"}) {
        CHECK(after([name](auto& s) { s.balance = name; }).empty());
    }
}

TEST_CASE("validate: thresholds as the kernel wants them") {
    auto const with = [](std::uint32_t least, std::uint32_t most) {
        return after([=](auto& s) {
            s.servers[0].min_connections = least;
            s.servers[0].max_connections = most;
        });
    };
    CHECK(with(0, 1990).empty());
    CHECK(with(5, 5).empty());
    CHECK(with(6, 5) == paths{"service.Web.server.a.min_connections"});
    CHECK(with(6, 0) == paths{"service.Web.server.a.min_connections"});
}

TEST_CASE("validate: checks") {
    auto const with = [](auto change) { return after([&](auto& s) { change(s.check); }); };
    using kind = health_check::kind;
    CHECK(with([](auto& c) {
              c.type = kind::http;
              c.request = "/a";
              c.expect.equals = "OK";
          }).empty());
    CHECK(with([](auto& c) {
              c.type = kind::http;
              c.request = "a";
          }) == paths{"service.Web.check.request"});
    CHECK(with([](auto& c) {
              c.type = kind::http;
              c.request = "/a\r\nX: y";
          }) == paths{"service.Web.check.request"});
    CHECK(with([](auto& c) {
              c.type = kind::https;
              c.host = "a b";
          }) == paths{"service.Web.check.host"});
    CHECK(with([](auto& c) {
              c.type = kind::https;
              c.verify = true;
          }).empty());
    CHECK(with([](auto& c) {
              c.type = kind::http;
              c.verify = true;
          }) == paths{"service.Web.check.verify"});
    CHECK(with([](auto& c) {
              c.type = kind::http;
              c.method = "PUT";
          }) == paths{"service.Web.check.method"});
    CHECK(with([](auto& c) {
              c.type = kind::http;
              c.method = "HEAD";
              c.expect.status = {{200, 299}};
          }).empty());
    CHECK(with([](auto& c) {
              c.type = kind::http;
              c.method = "HEAD";
              c.expect.regex = "a";
          }) == paths{"service.Web.check.expect"});
    CHECK(with([](auto& c) {
              c.type = kind::http;
              c.expect.status = {{600, 600}};
          }) == paths{"service.Web.check.expect.status"});
    CHECK(with([](auto& c) { c.expect.status = {{200, 200}}; }) == paths{"service.Web.check.expect"});
    CHECK(with([](auto& c) {
              c.type = kind::external;
              c.command = "/bin/true";
          }).empty());
    CHECK(with([](auto& c) { c.type = kind::external; }) == paths{"service.Web.check.command"});
    CHECK(with([](auto& c) { c.command = "/bin/true"; }) == paths{"service.Web.check.command"});
    CHECK(with([](auto& c) {
              c.rise = 0;
              c.fall = 0;
              c.interval = 0ms;
              c.timeout = 0ms;
          }).size() == 4);
    for (auto const k : {kind::ping, kind::on, kind::off}) {
        CHECK(after([k](auto& s) {
                  s.ports = {{1, 65535}};
                  s.check.type = k;
              }).empty());
    }
    CHECK(after([](auto& s) { s.ports = {{1, 65535}}; }) == paths{"service.Web.check"});
    CHECK(after([](auto& s) {
              s.ports = {{1, 65535}};
              s.check.port = 80;
          }).empty());
    CHECK(after([](auto& s) {
              s.ports = {{1, 65535}};
              s.servers[0].port = 80;
          }).empty());
}

TEST_CASE("validate: what loads all the same is a warning") {
    CHECK(after([](auto& s) { s.servers.clear(); }) == paths{"warning service.Web.server"});
    CHECK(after([](auto& s) { s.protocol = protocol::udp; }) == paths{"warning service.Web.check"});
    CHECK(after([](auto& s) {
              s.mode = mode::tcp;
              s.re_encrypt = true;
              s.tls = tls_termination{{{443, 443}}, {"c"}};
          }) == paths{"warning service.Web.re_encrypt"});
}

TEST_CASE("validate: all that can be configured is built") {
    auto s = named_service("S", mode::http, "192.0.2.100", {{80, 80}});
    s.tls = tls_termination{{{443, 443}}, {"c"}};
    s.re_encrypt = true;
    CHECK(not_served(s).empty());
    CHECK(not_served(named_service("S", mode::dr, "192.0.2.1", {})).empty());
    s.transparent = true;
    CHECK(not_served(s).empty());
}

TEST_CASE("validate: checks of DICOM, HL7 and TLS, and what goes with them") {
    auto const with = [](auto change) { return after([&](auto& s) { change(s.check); }); };
    using kind = health_check::kind;
    auto const dicom = [&](auto change) {
        return with([&](auto& c) {
            c.type = kind::dicom;
            change(c);
        });
    };
    CHECK(dicom([](auto&) {}).empty());
    CHECK(dicom([](auto& c) {
              c.called_ae = "ARCHIVE 1/2.";
              c.tls = c.verify = true;
              c.host = "pacs.example";
              c.min_days = 3;
          }).empty());
    for (auto const* title : {"", "    ", "SEVENTEEN LETTERS", "A\\B", "A\nB", "\xc3\x9c"}) {
        CHECK(dicom([&](auto& c) { c.called_ae = title; }) == paths{"service.Web.check.called_ae"});
        CHECK(dicom([&](auto& c) { c.calling_ae = title; }) == paths{"service.Web.check.calling_ae"});
    }
    CHECK(dicom([](auto& c) { c.verify = true; }) == paths{"service.Web.check.verify"});
    CHECK(dicom([](auto& c) { c.host = "a"; }) == paths{"service.Web.check.host"});
    CHECK(dicom([](auto& c) { c.warn_days = 3; }) == paths{"service.Web.check.warn_days"});
    CHECK(dicom([](auto& c) { c.message = "MSH"; }) == paths{"service.Web.check.message"});
    CHECK(with([](auto& c) { c.called_ae = "A"; }) == paths{"service.Web.check.called_ae"});
    CHECK(with([](auto& c) { c.tls = true; }) == paths{"service.Web.check.tls"});
    auto const hl7 = [&](std::string const& message) {
        return with([&](auto& c) {
            c.type = kind::hl7;
            c.message = message;
        });
    };
    CHECK(hl7("MSH|^~\\&|DYAD||||||ZZZ|1|P|2.5\nZZZ|1").empty());
    for (auto const* message : {"", "PID|1", "MSH|^~\\&|DYAD||||||ZZZ||P|2.5", "MSH|^~\\&|DYAD|||||||1|P|2.5"})
        CHECK(hl7(message) == paths{"service.Web.check.message"});
    CHECK(with([](auto& c) {
              c.type = kind::tls;
              c.verify = true;
              c.host = "a";
              c.min_days = c.warn_days = 9;
          }).empty());
    CHECK(with([](auto& c) {
              c.type = kind::tls;
              c.tls = true;
          }) == paths{"service.Web.check.tls"});
}

TEST_CASE("validate: headers, authentication, statuses and JSON of http checks") {
    auto const with = [](auto change) {
        return after([&](auto& s) {
            s.check.type = health_check::kind::http;
            change(s.check);
        });
    };
    CHECK(with([](auto& c) {
              c.headers = {{"X-Probe", "a b"}, {"Authorization", "Bearer x"}};
              c.expect.status = {{200, 299}, {404, 404}};
              c.expect.json = {{"/a", "1"}, {"", "2"}};
          }).empty());
    CHECK(with([](auto& c) {
              c.user = "a";
              c.password = "b:c";
          }).empty());
    for (auto const& [name, value] : {std::pair{"a b", "x"}, std::pair{"", "x"}, std::pair{"a", "x\r\nb: c"},
                                      std::pair{"HOST", "x"}, std::pair{"Content-Length", "0"}})
        CHECK(with([field = std::pair(name, value)](auto& c) { c.headers = {{field.first, field.second}}; }) ==
              paths{"service.Web.check.headers"});
    CHECK(with([](auto& c) {
              c.headers = {{"authorization", "Bearer x"}};
              c.user = "a";
          }) == paths{"service.Web.check.headers"});
    CHECK(with([](auto& c) { c.user = "a:b"; }) == paths{"service.Web.check.user"});
    CHECK(with([](auto& c) { c.password = "b"; }) == paths{"service.Web.check.password"});
    CHECK(with([](auto& c) { c.expect.status = {{300, 200}}; }) == paths{"service.Web.check.expect.status"});
    CHECK(with([](auto& c) { c.expect.json = {{"a", "1"}}; }) == paths{"service.Web.check.expect.json"});
    CHECK(with([](auto& c) {
              c.method = "HEAD";
              c.expect.json = {{"/a", "1"}};
          }) == paths{"service.Web.check.expect"});
    CHECK(with([](auto& c) {
              c.type = health_check::kind::connect;
              c.user = "a";
          }) == paths{"service.Web.check.user"});
}

TEST_CASE("validate: the rhythm of checks") {
    auto const with = [](auto change) { return after([&](auto& s) { change(s.check); }); };
    CHECK(with([](auto& c) {
              c.fast_interval = std::chrono::milliseconds(500);
              c.down_interval = std::chrono::seconds(30);
          }).empty());
    CHECK(with([](auto& c) { c.fast_interval = std::chrono::seconds(30); }) == paths{"service.Web.check.fast_interval"});
    CHECK(with([](auto& c) { c.down_interval = std::chrono::seconds(1); }) == paths{"service.Web.check.down_interval"});
    CHECK(with([](auto& c) { c.connects = 1; }) == paths{"service.Web.check.connects"});
    CHECK(with([](auto& c) {
              c.type = health_check::kind::tls;
              c.connects = 3;
          }).empty());
}
