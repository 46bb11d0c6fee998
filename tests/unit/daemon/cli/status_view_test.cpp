// SPDX-License-Identifier: Apache-2.0
// tests/golden/cli/status.json as people see it: status.txt. A change of the table shows in the diff of that file.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include <iterator>
#include <sstream>
#include <cli/status_view.hpp>

#include <fstream>
#include <iterator>

using namespace dyad::cli;
namespace json = boost::json;

namespace {

std::string golden(std::string const& name) {
    std::ifstream in(std::string(DYAD_SOURCE_DIR) + "/tests/golden/cli/" + name, std::ios::binary);
    REQUIRE(in.good());
    return {std::istreambuf_iterator<char>(in), {}};
}

json::object status() { return json::parse(golden("status.json")).as_object(); }

constexpr std::int64_t now = 1'800'000'000;

} // namespace

TEST_CASE("status: the overview is the golden one") {
    CHECK(status_text(status(), false, now) == golden("status.txt"));
}

TEST_CASE("status: one server is the golden one") {
    CHECK(detail_text(status(), "Archive/a2", false) == golden("server.txt"));
    CHECK(detail_text(status(), "Archive/none", false).empty());
    CHECK(detail_text(status(), "None", false).empty());
    CHECK(detail_text(status(), "", false).empty());
}

TEST_CASE("status: colours frame the same text") {
    auto coloured = status_text(status(), true, now);
    CHECK(coloured.find("\x1b[32mup\x1b[0m") != std::string::npos);
    CHECK(coloured.find("\x1b[31mdown\x1b[0m") != std::string::npos);
    for (auto at = coloured.find('\x1b'); at != std::string::npos; at = coloured.find('\x1b', at)) {
        coloured.erase(at, coloured.find('m', at) + 1 - at);
    }
    CHECK(coloured == golden("status.txt"));
}

TEST_CASE("status: what matters is said aloud") {
    auto d = status();
    auto const shown = [&] { return status_text(d, false, now); };
    CHECK(shown().find("MAINTENANCE") == std::string::npos);
    d.at("node").as_object()["maintenance"] = true;
    CHECK(shown().find("MAINTENANCE: this node does not become active") != std::string::npos);
    CHECK(shown().find("replaced proxy") == std::string::npos);
    d["retiring_proxies"] = json::array{json::object{{"pid", 812}, {"connections", 17}, {"since_ms", 61'000}},
                                        json::object{{"pid", 900}, {"connections", 1}, {"since_ms", 1'000}}};
    CHECK(shown().find("replaced proxy 812 finishes 17 connections, since 1 min 1 s\n") != std::string::npos);
    CHECK(shown().find("replaced proxy 900 finishes 1 connection, since 1 s\n") != std::string::npos);
    CHECK(shown().find("UNSTEADY") == std::string::npos);
    d.at("node").as_object()["unsteady"] = true;
    CHECK(shown().find("no failback and no move for ping nodes until the peer says") != std::string::npos);
    d.at("node").as_object()["steady_in_ms"] = 90'000;
    CHECK(shown().find("for 1 min 30 s; see `dyad events`") != std::string::npos);
    d.at("node").as_object()["ready"] = false;
    CHECK(shown().find("not ready") != std::string::npos);
    d.at("service_ok") = false;
    CHECK(shown().find("has no carrier") != std::string::npos);
    d.at("config").as_object()["edited"] = true;
    CHECK(shown().find("edited, not applied") != std::string::npos);
    d.at("config").as_object()["in_sync"] = false;
    CHECK(shown().find("the peer is NOT in sync") != std::string::npos);
    d.at("config").as_object()["confirmation"] = {{"left_ms", 43'000}, {"back_to", "1.7"}};
    CHECK(shown().find("NOT CONFIRMED: 1.7 comes back in 43 s") != std::string::npos);
    d.at("peer").as_object()["alive"] = false;
    CHECK(shown().find("peer lb2 is silent for 40 ms") != std::string::npos);
    d.at("peer").as_object()["known"] = false;
    CHECK(shown().find("peer lb2 was not heard since the start") != std::string::npos);
    d.at("peer") = nullptr;
    CHECK(shown().find("no peer: this node runs alone") != std::string::npos);
}

TEST_CASE("status: an incomplete or strange document is shown as far as it goes") {
    CHECK_FALSE(status_text({}, false, now).empty());
    for (auto const* text :
         {R"({"node":5,"peer":[],"links":{},"services":[1,"x",{"servers":[null]}],"hints":[1]})",
          R"({"node":{"name":1e300,"in_state_ms":-9223372036854775808},"config":{"applied_at":1e308}})",
          R"({"services":[{"name":"a\u0007b","servers":[{"name":"\u001b[2J"}]}]})"}) {
        auto const shown = status_text(json::parse(text).as_object(), false, now);
        CHECK_FALSE(shown.empty());
        CHECK(shown.find('\x1b') == std::string::npos);
        CHECK(shown.find('\a') == std::string::npos);
    }
}

TEST_CASE("status: what became of a layer-7 service's requests") {
    auto const service = boost::json::parse(R"({"name": "Web", "mode": "http", "waiting": 2, "layer": 7,
        "per_second": {"in_bytes": 2048, "out_bytes": 0},
        "exchanges": {"1xx": 0, "2xx": 17, "3xx": 0, "4xx": 1, "5xx": 2, "refused": 3, "no_server": 4, "no_room": 5,
                      "unreachable": 6, "broken": 7, "late": 8, "time": {"count": 20, "p50_us": 850, "p90_us": 12400, "p99_us": 3100000}},
        "servers": [{"name": "web1", "exchanges": {"time": {"count": 0}}}]})").as_object();
    auto const shown = exchanges_text(service);
    auto const second_line = shown.substr(shown.find('\n') + 1, shown.find('\n', shown.find('\n') + 1) - shown.find('\n') - 1);
    std::istringstream words(second_line.substr(second_line.find("17")));
    std::vector<std::string> got{std::istream_iterator<std::string>(words), {}};
    CHECK(got == std::vector<std::string>{"17", "0", "1", "2", "3", "4", "5", "6", "7", "8", "0.8", "ms", "12", "ms", "3.1", "s"});
    CHECK(services_text({service}, false).find("2 clients wait for room at a server") != std::string::npos);
    auto tcp = service;
    tcp["mode"] = "tcp";
    CHECK(exchanges_text(tcp).find("2XX") == std::string::npos);
    CHECK(exchanges_text(tcp).find("NO ROOM") != std::string::npos);
}

TEST_CASE("status: where the nodes do not agree about a server, and how many connections its agent allows") {
    auto d = status();
    auto& server = [&]() -> json::object& {
        for (auto& s : d.at("services").as_array()) {
            for (auto& r : s.at("servers").as_array()) {
                if (s.at("name") == "Archive" && r.at("name") == "a2") {
                    return r.as_object();
                }
            }
        }
        throw std::runtime_error("the golden status has another server");
    }();
    auto const row = [&](std::string const& title) {
        auto const text = detail_text(d, "Archive/a2", false);
        auto const at = text.find("\n" + title);
        return at == text.npos ? std::string() : text.substr(at + 1, text.find('\n', at + 1) - at - 1);
    };
    CHECK(row("on the peer").empty());
    CHECK(row("at most").empty());
    server["health"] = "up";
    server["peer_health"] = "up";
    CHECK(status_text(d, false, now).find("on the peer") == std::string::npos);
    server["peer_health"] = "down";
    server["peer_reason"] = "connection refused";
    CHECK(status_text(d, false, now).find("down on the peer: connection refused") != std::string::npos);
    CHECK(row("on the peer").ends_with("down: connection refused"));
    server["peer_health"] = "unknown";
    CHECK(status_text(d, false, now).find("on the peer") == std::string::npos);
    server["max_connections"] = 200;
    server["agent_max_connections"] = 0;
    CHECK(row("at most").ends_with(" 200 connections"));
    server["agent_max_connections"] = 300;
    CHECK(row("at most").ends_with(" 200 connections"));
    server["agent_max_connections"] = 30;
    CHECK(row("at most").ends_with(" 30 connections, as its agent says (configured: 200)"));
    server["max_connections"] = 0;
    CHECK(row("at most").ends_with(" 30 connections, as its agent says"));
}
