// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <balance/text.hpp>

#include <config/config.hpp>

using namespace dyad::config;
using namespace std::chrono_literals;
using boost::asio::ip::make_address;

namespace {

cluster_config parsed(std::string_view text) {
    auto const got = parse_cluster(text, "cluster.toml", {});
    for (auto const& d : got.diagnostics) {
        UNSCOPED_INFO(to_string(d));
    }
    REQUIRE(got.value);
    return *got.value;
}

constexpr std::string_view server = "[service.S.server.a]\naddress = \"192.0.2.1\"\n";

balance::virtual_service service(std::string_view body, std::string_view before = {}) {
    auto const c = parsed("format = 1\n" + std::string(before) + "[service.S]\naddress = \"192.0.2.9\"\n" +
                          std::string(body) + '\n' + std::string(server));
    REQUIRE(c.services.services.size() == 1);
    return c.services.services[0];
}

} // namespace

TEST_CASE("cluster.toml: the heartbeat's keys arrive") {
    auto const c = parsed(R"(format = 1
[heartbeat]
keepalive = "5ms"
warntime = "12ms"
deadtime = "20ms"
initdead = "1s"
auto_failback = true
failback_hold = "2m"
flap_limit = 5
flap_window = "30m"
address_lifetime = "3s"
ping_nodes = ["192.0.2.1", "2001:db8::1"]
no_takeover_without_ping = true
announce_rate = 500
[floating_ip."192.0.2.50"]
network = "clients"
[floating_ip."2001:db8::50"]
)");
    CHECK(c.timing == cluster::timing{5ms, 12ms, 20ms, 1s, true, 2min, 5, 30min, true});
    CHECK(c.address_lifetime == 3s);
    CHECK(c.announce_rate == 500);
    CHECK(c.ping_nodes == std::vector{make_address("192.0.2.1"), make_address("2001:db8::1")});
    CHECK(c.floating ==
          std::vector<floating_ip>{{make_address("192.0.2.50"), "clients"}, {make_address("2001:db8::50"), ""}});
    CHECK(c.services.services.empty());
}

TEST_CASE("cluster.toml: how long connections outlive a planned move") {
    CHECK(parsed("format = 1\n").handover_grace == 30s);
    CHECK(parsed("format = 1\n[layer7]\nhandover_grace = \"0s\"\n").handover_grace == 0s);
    CHECK(parsed("format = 1\n[layer7]\nhandover_grace = \"5m\"\n").handover_grace == 5min);
}

TEST_CASE("cluster.toml: how programs of on_change are run, and how the passive node checks") {
    auto const usual = parsed("format = 1\n");
    CHECK(usual.hooks == balance::change_hooks::settings{10s, 100ms, 1000});
    CHECK(usual.passive_factor == 3);
    auto const c = parsed("format = 1\n[checks]\nhook_timeout = \"1m\"\nhook_waiting = 5\nhook_rate = \"2/1s\"\npassive_factor = 1\n");
    CHECK(c.hooks == balance::change_hooks::settings{1min, 500ms, 5});
    CHECK(c.passive_factor == 1);
}

TEST_CASE("cluster.toml: what traffic says of a server's health") {
    CHECK_FALSE(service("mode = \"http\"\nports = [80]").observe.has_value());
    CHECK(service("mode = \"http\"\nports = [80]\nobserve = { errors = 7 }").observe == balance::observation{.errors = 7, .within = 10s});
    auto const all = "mode = \"http\"\nports = [80]\nobserve = { errors = 1, within = \"1m\", server_errors = true, on_error = \"down\" }";
    CHECK(service(all).observe == balance::observation{1, 1min, true, true});
    CHECK_FALSE(service("mode = \"tcp\"\nports = [80]\nobserve = { errors = 7, on_error = \"check\" }").observe->take_down);
}

TEST_CASE("cluster.toml: a check's time limit for its connection") {
    CHECK(service("mode = \"tcp\"\nports = [80]").check.connect_timeout == 0ms);
    CHECK(service("mode = \"tcp\"\nports = [80]\ncheck = { type = \"http\", timeout = \"2s\", connect_timeout = \"2s\" }").check.connect_timeout == 2s);
}

TEST_CASE("cluster.toml: what a server is before its first check") {
    auto const check = [](std::string const& more) { return service("mode = \"tcp\"\nports = [80]\ncheck = { type = \"connect\"" + more + " }").check; };
    CHECK_FALSE(check("").initially_up);
    CHECK_FALSE(check(", initial = \"unknown\"").initially_up);
    CHECK(check(", initial = \"up\"").initially_up);
}

TEST_CASE("cluster.toml: timing that is left out has its default and follows a changed deadtime") {
    CHECK(parsed("format = 1\n").timing == cluster::timing{});
    CHECK(parsed("format = 1\n[heartbeat]\n").timing == cluster::timing{});
    CHECK(parsed("format = 1\n").address_lifetime == 2s);
    auto const fast = parsed("format = 1\n[heartbeat]\nkeepalive = \"5ms\"\ndeadtime = \"20ms\"\n").timing;
    CHECK(fast.warntime == 10ms);
    CHECK(fast.initdead == 5s);
    auto const slow = parsed("format = 1\n[heartbeat]\nkeepalive = \"2s\"\ndeadtime = \"10s\"\n").timing;
    CHECK(slow.warntime == 5s);
    CHECK(slow.initdead == 10s);
    CHECK(parsed("format = 1\n[heartbeat]\nkeepalive = \"1ms\"\ndeadtime = \"3ms\"\n").timing.warntime == 2ms);
}

TEST_CASE("cluster.toml: what a layer-4 service leaves out has its default") {
    auto const s = service("mode = \"dr\"\nports = [80]");
    balance::virtual_service want;
    want.name = "S";
    want.mode = balance::mode::dr;
    want.address = make_address("192.0.2.9");
    want.ports = {{80, 80}};
    want.balance = "wlc";
    want.check.interval = 4s;
    want.check.timeout = 5s;
    want.check.rise = 2;
    want.check.fall = 2;
    want.servers = {{"a", make_address("192.0.2.1"), 0, 100, 0, 0}};
    CHECK(s == want);
    CHECK(s.fallback.mode == balance::fallback::kind::disabled);
}

TEST_CASE("cluster.toml: every key of a layer-4 service arrives") {
    auto const c = parsed(R"(format = 1
[floating_ip."192.0.2.77"]
[service.S]
mode = "snat"
address = "192.0.2.9"
network = "clients"
ports = [80, "4100-4110"]
protocol = "tcp_udp"
snat_source = "192.0.2.77"
balance = "sed"
persistence = { mode = "source_ip", timeout = "90s", granularity = "255.255.255.0" }
check = { type = "external", command = "/usr/local/bin/check", interval = "1s", timeout = "900ms", rise = 3, fall = 4 }
fallback = "192.0.2.8:81"
[service.S.server.z]
address = "192.0.2.2"
weight = 65535
min_connections = 5
max_connections = 10
[service.S.server.a]
address = "192.0.2.1"
weight = 0
)");
    balance::virtual_service want;
    want.name = "S";
    want.mode = balance::mode::snat;
    want.address = make_address("192.0.2.9");
    want.network = "clients";
    want.ports = {{80, 80}, {4100, 4110}};
    want.protocol = balance::protocol::tcp_udp;
    want.snat_source = make_address("192.0.2.77");
    want.balance = "sed";
    want.persistence = {balance::persistence::kind::source_ip, 90s, 24};
    want.check.type = balance::health_check::kind::external;
    want.check.command = "/usr/local/bin/check";
    want.check.interval = 1s;
    want.check.timeout = 900ms;
    want.check.rise = 3;
    want.check.fall = 4;
    want.fallback = {balance::fallback::kind::server, {make_address("192.0.2.8"), 81}};
    want.servers = {{"z", make_address("192.0.2.2"), 0, 65535, 5, 10}, {"a", make_address("192.0.2.1"), 0, 0, 0, 0}};
    CHECK(c.services.services == std::vector{want});
}

TEST_CASE("cluster.toml: tunnels, single datagrams, flags of schedulers and translated ports arrive") {
    using balance::tunnel;
    CHECK(service("mode = \"tun\"\nports = [80]\ntunnel = { type = \"gue\", port = 6080, checksum = \"remote\" }").tunnel ==
          tunnel{tunnel::kind::gue, 6080, tunnel::checksum::remote});
    CHECK(service("mode = \"tun\"\nports = [80]").tunnel == tunnel{});
    CHECK(service("mode = \"dr\"\nports = [53]\nprotocol = \"udp\"\none_packet = true\ncheck = { type = \"ping\" }")
              .one_packet);
    CHECK(service("mode = \"dr\"\nports = [80]\nbalance = \"sh\"\nscheduler_flags = [\"port\"]").scheduler_flags ==
          balance::scheduler_flags{false, true});
    auto const c = parsed("format = 1\n[service.S]\nmode = \"nat\"\naddress = \"192.0.2.9\"\nports = [104]\n" +
                          std::string(server) + "port = 11104\n");
    CHECK(c.services.services.at(0).servers.at(0).port == 11104);
}

TEST_CASE("cluster.toml: marks, all ports but some, and a bare mark") {
    auto const s = service(
        "mode = \"nat\"\nfirewall_mark = 999999\nexcept_ports = [20000, \"1-79\"]\ncheck = { type = \"ping\" }");
    CHECK(s.firewall_mark == 999999);
    CHECK(s.ports.empty());
    CHECK(s.except_ports == std::vector<balance::port_range>{{20000, 20000}, {1, 79}});
    auto const bare =
        parsed("format = 1\n[service.S]\nmode = \"nat\"\nfirewall_mark = 7\ncheck = { type = \"ping\" }\n" +
               std::string(server));
    CHECK_FALSE(bare.services.services[0].address);
}

TEST_CASE("cluster.toml: every key of a layer-7 service arrives") {
    auto const s = service(R"(mode = "http"
ports = [8080]
balance = "uri"
persistence = { mode = "http_cookie", timeout = "30m" }
check = { type = "https", port = 8443, request = "health", host = "pacs.example", method = "GET", verify = true, expect = { equals = "a", contains = "b", regex = "c+", status = 204 } }
tls = { ports = [443, "8443-8444"], certificate = ["server-cert", "other"], profile = "modern", clients = { ca = "clinic", required = false } }
re_encrypt = true
fallback = "disabled"
transparent = true
slow_start = "3s"
timeouts = { connect = "1s", queue = "2s", idle = "3s", head = "4s", body = "5s", answer = "6s", keep_alive = "7s" }
proxy_protocol = { from = ["192.0.2.0/24", "2001:db8::1"], send = "v2" }
limits = { connections = 1, source_connections = 2, source_rate = "3/4s", ipv4_prefix = 24, ipv6_prefix = 56, except = ["192.0.2.1"] }
)");
    CHECK(s.mode == balance::mode::http);
    CHECK(s.balance == "uri");
    CHECK(s.persistence == balance::persistence{balance::persistence::kind::http_cookie, 1800s, std::nullopt});
    balance::health_check want;
    want.type = balance::health_check::kind::https;
    want.port = 8443;
    want.request = "/health"; // the slash was left out
    want.host = "pacs.example";
    want.verify = true;
    want.expect = {"a", "b", "c+", {{204, 204}}};
    CHECK(s.check == want);
    using profile = balance::tls_termination::profile;
    CHECK(s.tls == balance::tls_termination{{{443, 443}, {8443, 8444}}, {"server-cert", "other"}, profile::modern, "clinic", false});
    CHECK(s.re_encrypt);
    CHECK(s.transparent);
    CHECK(s.fallback.mode == balance::fallback::kind::disabled);
    CHECK(s.slow_start == 3s);
    CHECK(s.timeouts == balance::timeouts{1s, 2s, 3s, 4s, 5s, 6s, 7s});
    using balance::parse_subnet;
    CHECK(s.limits == balance::client_limits{1, 2, 3, 4s, 24, 56, {parse_subnet("192.0.2.1").value()}});
    CHECK(s.proxy_protocol == balance::proxy_protocol{{parse_subnet("192.0.2.0/24").value(), parse_subnet("2001:db8::1").value()},
                                                      balance::proxy_protocol::version::v2});
}

TEST_CASE("cluster.toml: what mode http does to messages arrives") {
    using rule = balance::header_rule;
    auto const s = service(R"(mode = "http"
ports = [80]
tls = { ports = [8443], certificate = "c" }
http = { redirect_to_https = 308, hsts = "8760h", forwarded_for = "replace", forwarded = "append", trusted_relays = ["10.0.0.0/8"], max_body = 5, request_headers = ["set X-A:  b: c ", "add X-A: d"], response_headers = ["remove Server"] }
[service.S.route.viewer]
host = "pacs.example"
path = "/viewer"
servers = ["a"]
[service.S.route.all]
path = "/"
servers = ["a"]
)");
    CHECK(s.http.redirect_to_https == 308);
    CHECK(s.http.https_port == 8443);
    CHECK(s.http.hsts == 8760h);
    CHECK(s.http.client_address == balance::http_policy::forwarded_for::replace);
    CHECK(s.http.client_forwarded == balance::http_policy::forwarded::append);
    CHECK(s.http.trusted_relays == std::vector{balance::parse_subnet("10.0.0.0/8").value()});
    CHECK(s.http.max_body == 5);
    CHECK(s.http.request_headers == std::vector<rule>{{rule::kind::set, "X-A", "b: c"}, {rule::kind::add, "X-A", "d"}});
    CHECK(s.http.response_headers == std::vector<rule>{{rule::kind::remove, "Server", ""}});
    CHECK(s.http.routes == std::vector<balance::http_route>{{"viewer", "pacs.example", "/viewer", {"a"}}, {"all", "", "/", {"a"}}});
}

TEST_CASE("cluster.toml: a service takes the defaults of its layer, a named check too") {
    constexpr std::string_view before =
        "[layer4]\ncheck_interval = \"7s\"\ncheck_timeout = \"8s\"\nrise = 9\nfall = 10\n"
        "[layer7]\ncheck_interval = \"17s\"\ncheck_timeout = \"18s\"\nrise = 19\nfall = 20\n"
        "slow_start = \"21s\"\ntimeouts = { idle = \"22s\" }\n[check.c]\ntype = \"ping\"\nfall = 5\n";
    auto const l4 = service("mode = \"nat\"\nports = [80]\ncheck = \"c\"", before);
    CHECK(l4.check.type == balance::health_check::kind::ping);
    CHECK(l4.check.interval == 7s);
    CHECK(l4.check.timeout == 8s);
    CHECK(l4.check.rise == 9);
    CHECK(l4.check.fall == 5);
    CHECK(l4.slow_start == 0s);
    auto const l7 = service("mode = \"tcp\"\nports = [80]\ncheck = \"c\"", before);
    CHECK(l7.check.interval == 17s);
    CHECK(l7.check.timeout == 18s);
    CHECK(l7.check.rise == 19);
    CHECK(l7.check.fall == 5);
    CHECK(l7.slow_start == 21s);
    CHECK(l7.timeouts.idle == 22s);
    CHECK(l7.timeouts.queue == 5s);
    CHECK(service("mode = \"http\"\nports = [80]").fallback.mode == balance::fallback::kind::local);
}

TEST_CASE("cluster.toml: a faulty check that two services use is blamed once") {
    auto const got = parse_cluster("format = 1\n[check.c]\ntype = \"http\"\nmethod = \"PUT\"\nverify = true\n"
                                   "[service.a]\nmode = \"tcp\"\naddress = \"192.0.2.9\"\nports = [1]\ncheck = \"c\"\n"
                                   "[service.a.server.s]\naddress = \"192.0.2.1\"\n"
                                   "[service.b]\nmode = \"tcp\"\naddress = \"192.0.2.9\"\nports = [2]\ncheck = \"c\"\n"
                                   "[service.b.server.s]\naddress = \"192.0.2.1\"\n",
                                   "cluster.toml", {});
    REQUIRE(got.diagnostics.size() == 2);
    CHECK(got.diagnostics[0].line == 4);
    CHECK(got.diagnostics[1].line == 5);
}

TEST_CASE("cluster.toml: services and servers keep the file's order") {
    auto const c =
        parsed("format = 1\n[service.z]\nmode = \"tcp\"\naddress = \"192.0.2.9\"\nports = [1]\n[service.z.server.b]\n"
               "address = \"192.0.2.1\"\n[service.z.server.a]\naddress = \"192.0.2.2\"\n[service.a]\nmode = \"tcp\"\n"
               "address = \"192.0.2.9\"\nports = [2]\n[service.a.server.x]\naddress = \"192.0.2.2\"\n");
    REQUIRE(c.services.services.size() == 2);
    CHECK(c.services.services[0].name == "z");
    CHECK(c.services.services[0].servers[0].name == "b");
    CHECK(c.services.services[0].servers[1].name == "a");
    CHECK(c.services.services[1].name == "a");
}

TEST_CASE("cluster.toml: every floating address is named once, services first") {
    auto const c = parsed("format = 1\n[floating_ip.\"192.0.2.7\"]\n[floating_ip.\"192.0.2.9\"]\nnetwork = \"n\"\n"
                          "[service.A]\nmode = \"tcp\"\naddress = \"192.0.2.9\"\nports = [1]\n[service.A.server.a]\n"
                          "address = \"192.0.2.1\"\n[service.B]\nmode = \"tcp\"\naddress = \"192.0.2.9\"\nports = [2]\n"
                          "[service.B.server.a]\naddress = \"192.0.2.1\"\n");
    CHECK(c.all_floating() ==
          std::vector<floating_ip>{{make_address("192.0.2.9"), "n"}, {make_address("192.0.2.7"), ""}});
}

TEST_CASE("cluster.toml: how many generations are kept") {
    CHECK(parse_cluster("format = 1\n", "cluster.toml", {}).value->kept_generations == 50);
    CHECK(parse_cluster("format = 1\n[history]\ngenerations = 2\n", "cluster.toml", {}).value->kept_generations == 2);
}

TEST_CASE("cluster.toml: every key of the checks for DICOM, HL7, TLS and of http's further ones arrives") {
    auto const check = [](std::string const& text) {
        return service("mode = \"tcp\"\nports = [104]\ncheck = { " + text + " }").check;
    };
    auto const dicom =
        check(R"(type = "dicom", calling_ae = "LB1", called_ae = "ARCHIVE", tls = true, verify = true, host = "pacs.example", min_days = 2, warn_days = 30)");
    CHECK(dicom.type == balance::health_check::kind::dicom);
    CHECK(dicom.calling_ae == "LB1");
    CHECK(dicom.called_ae == "ARCHIVE");
    CHECK(dicom.tls);
    CHECK(dicom.verify);
    CHECK(dicom.host == "pacs.example");
    CHECK(dicom.min_days == 2);
    CHECK(dicom.warn_days == 30);
    CHECK(check(R"(type = "dicom")").called_ae == "ANY-SCP");
    CHECK(check(R"(type = "hl7", message = "MSH|^~\\&|DYAD||||||ZZZ|1|P\nZZZ|1")").message ==
          "MSH|^~\\&|DYAD||||||ZZZ|1|P\nZZZ|1");
    CHECK(check(R"(type = "tls", min_days = 3)").min_days == 3);
    auto const rhythm = check(R"(type = "tls", fast_interval = "1s", down_interval = "1m", connects = 4)");
    CHECK(rhythm.fast_interval == 1s);
    CHECK(rhythm.down_interval == 60s);
    CHECK(rhythm.connects == 4);
    auto const http =
        check(R"(type = "http", headers = { "X-A" = "1", b = "2" }, user = "u", password = "p", expect = { status = [204, "3xx"], json = { "/a" = "q\"\\\n", "/b" = -7, "/c" = false } })");
    CHECK(http.headers == std::vector<std::pair<std::string, std::string>>{{"X-A", "1"}, {"b", "2"}});
    CHECK(http.user == "u");
    CHECK(http.password == "p");
    CHECK(http.expect.status == std::vector<balance::status_range>{{204, 204}, {300, 399}});
    CHECK(http.expect.json == std::vector<std::pair<std::string, std::string>>{
                                  {"/a", R"("q\"\\\u000a")"}, {"/b", "-7"}, {"/c", "false"}});
    CHECK(check(R"(type = "http", expect = { status = "2xx" })").expect.status ==
          std::vector<balance::status_range>{{200, 299}});
}

TEST_CASE("cluster.toml: an agent, with the times of its layer where it says none") {
    auto const agent = [](std::string const& text) {
        return service("mode = \"tcp\"\nports = [80]\nagent = { " + text + " }",
                       "[layer7]\ncheck_interval = \"7s\"\ncheck_timeout = \"8s\"\n")
            .agent.value();
    };
    using kind = balance::agent_check::kind;
    CHECK(agent(R"(type = "tcp")") == balance::agent_check{kind::tcp, 3333, "/", 7s, 8s});
    CHECK(agent(R"(type = "http", port = 9000, request = "/load", interval = "1s", timeout = "500ms")") ==
          balance::agent_check{kind::http, 9000, "/load", 1s, 500ms});
    CHECK_FALSE(service("mode = \"tcp\"\nports = [80]").agent);
}

TEST_CASE("cluster.toml: where the access log goes, and who writes it") {
    CHECK(parsed("format = 1\n").access_log == access_log_settings{});
    std::string_view const there = "[layer7]\naccess_log = { to = \"/var/log/a\", rate = 7 }\n";
    auto const c = parsed("format = 1\n" + std::string(there));
    CHECK(c.access_log == access_log_settings{"/var/log/a", 7});
    CHECK(parsed("format = 1\n[layer7]\naccess_log = { to = \"journal\" }\n").access_log == access_log_settings{"journal", 10'000});
    CHECK_FALSE(service("mode = \"tcp\"\nports = [80]").access_log);
    CHECK(service("mode = \"tcp\"\nports = [80]", there).access_log);
    CHECK_FALSE(service("mode = \"tcp\"\nports = [80]\naccess_log = false", there).access_log);
    CHECK_FALSE(service("mode = \"dr\"\nports = [80]", there).access_log);
}
