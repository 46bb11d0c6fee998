// SPDX-License-Identifier: Apache-2.0
#include "run_dyad.hpp"
#include "scripted_daemon.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <catch2/catch.hpp>
#include <cli/drill_kind.hpp>
#include <cli/drill_ready.hpp>
#include <cli/drill_time.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

using namespace dyad::cli;

namespace json = boost::json;

namespace {

/// Of a node beside which all is well.
json::object well() {
    return json::parse(R"json({"node":{"name":"lb1","state":"active","ready":true,"maintenance":false,"config_dir":"/nonexistent"},
        "peer":{"name":"lb2","alive":true,"ready":true,"state":"passive","maintenance":false},
        "links":[{"name":"cross","usable":true,"alive":true,"peer_hears":true}],"service_ok":true,
        "addresses":[{"address":"192.0.2.1","interface":"eth0"},{"address":"2001:db8::1","interface":"eth0"}],
        "config":{"in_sync":true,"confirmation":null,"replication":{"error":""}},"retiring_proxies":[],
        "processes":[{"name":"guardian","pid":100},{"name":"cluster","pid":101}],
        "services":[{"name":"Web","address":"192.0.2.1","ports":"80,443","protocol":"tcp","not_served":"","servers":[{"health":"up"}]},
                    {"name":"Dead","address":"192.0.2.1","ports":"81","protocol":"tcp","not_served":"","servers":[{"health":"down"}]},
                    {"name":"Dns","address":"192.0.2.1","ports":"53","protocol":"udp","not_served":"","servers":[{"health":"up"}]},
                    {"name":"All","address":"192.0.2.1","ports":"*","protocol":"tcp","not_served":"","servers":[{"health":"up"}]}]})json")
        .as_object();
}

/// Sets this process's time zone while it lives.
class time_zone {
public:
    explicit time_zone(char const* zone) {
        ::setenv("TZ", zone, 1);
        ::tzset();
    }
    ~time_zone() {
        ::unsetenv("TZ");
        ::tzset();
    }
    time_zone(time_zone const&) = delete;
    time_zone& operator=(time_zone const&) = delete;
};

/// `dyad` with somebody at the terminal who answers.
test::outcome answered(std::filesystem::path const& run_dir, std::vector<std::string> arguments, std::string const& answer) {
    std::ostringstream out;
    std::ostringstream err;
    std::istringstream in(answer);
    environment env{out, err};
    env.run_dir = run_dir;
    env.in = &in;
    env.asks = true;
    auto const code = dyad::cli::run(std::move(arguments), env);
    return {code, out.str(), err.str()};
}

} // namespace

TEST_CASE("a drill waits for a pair at rest, and says what keeps it") {
    CHECK(hindrance(well()).empty());
    auto const with = [](auto change) {
        auto status = well();
        change(status);
        return hindrance(status);
    };
    CHECK(with([](auto& s) { s["peer"] = nullptr; }) == "this node has no peer");
    CHECK(with([](auto& s) { s["peer"].as_object()["alive"] = false; }) == "the peer is silent");
    CHECK(with([](auto& s) { s["peer"].as_object()["ready"] = false; }) == "the peer is not ready to serve");
    CHECK(with([](auto& s) { s["node"].as_object()["ready"] = false; }) == "this node is not ready to serve");
    CHECK(with([](auto& s) { s["peer"].as_object()["maintenance"] = true; }).starts_with("the peer is in maintenance"));
    CHECK(with([](auto& s) { s["node"].as_object()["maintenance"] = true; }).starts_with("this node is in maintenance"));
    CHECK(with([](auto& s) { s["node"].as_object()["state"] = "releasing"; }).starts_with("the pair is changing"));
    CHECK(with([](auto& s) { s["links"].as_array()[0].as_object()["alive"] = false; }) == "link cross is down");
    CHECK(with([](auto& s) { s["links"].as_array()[0].as_object()["peer_hears"] = false; }) == "link cross works one way only");
    CHECK(with([](auto& s) { s["config"].as_object()["in_sync"] = false; }).starts_with("the peer has not the same configuration"));
    CHECK(with([](auto& s) { s["config"].as_object()["confirmation"] = json::object{{"left_ms", 1}}; }).find("dyad confirm") !=
          std::string::npos);
    CHECK(with([](auto& s) { s["retiring_proxies"].as_array().push_back(json::object{}); }).find("proxy") != std::string::npos);
    CHECK(with([](auto& s) { s["service_ok"] = false; }).find("carrier") != std::string::npos);
    CHECK_FALSE(hindrance({}).empty());
}

TEST_CASE("a drill finds targets, addresses and processes in a status") {
    auto const targets = targets_of(well());
    REQUIRE(targets.size() == 1);
    CHECK(targets.front().port == 80);
    CHECK(floating_of(well()).size() == 2);
    CHECK(process_of(well(), "cluster") == 101);
    CHECK(process_of(well(), "proxy") == -1);
}

TEST_CASE("kinds of drills are words") {
    CHECK(parse_kinds({}).value() == std::vector{drill_kind::planned});
    CHECK(parse_kinds({"freeze", "link", "process", "planned"}).value().size() == 4);
    CHECK(parse_kinds({"planned", "fire"}).has_error());
}

TEST_CASE("a drill's time is the next one of that name") {
    time_zone const here("CET-1CEST,M3.5.0,M10.5.0/3");
    std::time_t const now = 1795464000; // 2026-11-23T21:00:00+01:00
    CHECK(time_named("21:01", now).value() == now + 60);
    CHECK(time_named("21:00", now).value() == now + 24 * 3600);
    CHECK(time_named("02:30", now).value() == now + 5 * 3600 + 1800);
    CHECK(time_named("2026-11-24T02:30", now).value() == now + 5 * 3600 + 1800);
    CHECK(time_named("2026-11-23 21:00:05", now).value() == now + 5);
    for (auto const* wrong : {"", "soon", "24:00", "12:60", "2026-11-23", "2026-11-23T20:59", "2026-12-24T02:30", "2026-02-31T02:30",
                              "21:01x", "2026-11-24T02:30:00+01:00"}) {
        CAPTURE(wrong);
        CHECK(time_named(wrong, now).has_error());
    }
    // The hour that the clocks leave out in spring.
    CHECK(time_named("2027-03-28T02:30", 1806087600).has_error());
    CHECK(time_named("2027-03-28T03:30", 1806087600).has_value());
    CHECK(left_text(8000) == "2 h 13 min");
    CHECK(left_text(61) == "1 min 1 s");
    CHECK(wall_time().size() == std::string("2026-11-23T21:00:00.000+01:00").size());
}

TEST_CASE("dyad drill: asks before it hurts, naming what it will do") {
    test::scripted_daemon const d({{"GET /v1/status", {200, json::serialize(well())}}});
    auto const got = answered(d.run_dir(), {"drill", "--rounds", "3"}, "n\n");
    CHECK(got.code == 1);
    for (auto const* word : {"A drill of lb1 and lb2, 3 rounds", "the floating addresses go from one node to the other",
                             "services that move: Web, Dead, Dns and All", "probed: 192.0.2.1:80", "[y/N]"}) {
        CAPTURE(word);
        CHECK(got.err.find(word) != std::string::npos);
    }
    CHECK(answered(d.run_dir(), {"drill"}, "").code == 1);
    CHECK(d.asked() == std::vector<std::string>{"GET /v1/status", "GET /v1/status"});
}

TEST_CASE("dyad drill: what hurts a node is for root, on the active node, seen from elsewhere") {
    auto passive = well();
    passive["node"].as_object()["state"] = "passive";
    passive["peer"].as_object()["state"] = "active";
    test::scripted_daemon const beside({{"GET /v1/status", {200, json::serialize(passive)}}});
    auto const there = test::dyad_in(beside.run_dir(), {"drill", "--yes", "--kind", "process", "--client", "false"});
    CHECK(there.code == 1);
    CHECK(there.err.find("hurts the active node, which is lb2; run it there") != std::string::npos);

    test::scripted_daemon const d({{"GET /v1/status", {200, json::serialize(well())}}});
    bool const privileged = ::geteuid() == 0;
    if (privileged) {
        REQUIRE(::chmod(d.run_dir().c_str(), 0755) == 0);
        REQUIRE(::chmod((d.run_dir() / "dyad.sock").c_str(), 0777) == 0);
        REQUIRE(::seteuid(65534) == 0);
    }
    auto const other = test::dyad_in(d.run_dir(), {"drill", "--yes", "--kind", "freeze", "--client", "false"});
    if (privileged) {
        REQUIRE(::seteuid(0) == 0);
    }
    CHECK(other.code == 1);
    CHECK(other.err.find("run it as root") != std::string::npos);
}

TEST_CASE("dyad drill: wrong usage says what would be right, and asks no daemon") {
    using words = std::vector<std::string>;
    for (auto const& [arguments, reason] : std::vector<std::pair<words, std::string>>{
             {{"drill", "--kind", "fire"}, "planned, process, link or freeze"},
             {{"drill", "--kind", "freeze"}, "--client 'ssh viewer1 dyad'"},
             {{"drill", "--max-gap", "0s"}, "from 1ms to 1m"},
             {{"drill", "--outage", "9s"}, "from 100ms to 8s"},
             {{"drill", "--max-two-owners", "1s"}, "--witness"},
             {{"drill", "--max-errors", "-1"}, "max-errors"},
             {{"drill", "--at", "later"}, "02:30"},
             {{"drill", "--http", "index.html"}, "a path such as /health"},
             {{"drill", "http://192.0.2.1"}, "http://ADDRESS:PORT/PATH"}}) {
        CAPTURE(arguments);
        auto const got = test::dyad_in("/nonexistent", arguments);
        CHECK(got.code == 2);
        CHECK(got.err.find(reason) != std::string::npos);
    }
}

TEST_CASE("dyad drill: a client that does not begin ends the drill before anybody is hurt") {
    test::scripted_daemon const d({{"GET /v1/status", {200, json::serialize(well())}}});
    auto const ended = test::dyad_in(d.run_dir(), {"drill", "--yes", "--client", "false"});
    CHECK(ended.code == 1);
    CHECK(ended.err.find("the client \"false\" ended before it began") != std::string::npos);
    auto const refusing = test::dyad_in(d.run_dir(), {"drill", "--yes", "--client", "echo '{\"error\":\"not today\"}'; true"});
    CHECK(refusing.code == 1);
    CHECK(refusing.err.find("refuses: not today") != std::string::npos);
    for (auto const& request : d.asked()) {
        CHECK(request == "GET /v1/status");
    }
}
