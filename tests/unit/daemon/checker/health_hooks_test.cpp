// SPDX-License-Identifier: Apache-2.0
#include <checker/health_hooks.hpp>

#include <catch2/catch.hpp>

using balance::health;
using dyad::health_hooks;

namespace {

std::vector<balance::virtual_service> services() {
    std::vector<balance::virtual_service> out(1);
    out[0].name = "web";
    out[0].ports = {{80, 80}};
    out[0].on_change = "/own";
    out[0].servers = {{.name = "w1", .address = boost::asio::ip::make_address("192.0.2.1")}};
    return out;
}

balance::health_event event(health h) { return {{"web", "w1"}, h, {h == health::up, "200 OK", {}}, {}}; }

} // namespace

TEST_CASE("a change of health calls the service's hook and the common one", "[hooks]") {
    health_hooks h;
    h.configure(services(), "/common", {});
    auto const calls = h.of(event(health::up));
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].command == "/own");
    CHECK(calls[1].command == "/common");
    CHECK(calls[0].arguments == std::vector<std::string>{"web", "w1", "up"});
    CHECK(calls[1].environment == std::vector<std::pair<std::string, std::string>>{{"DYAD_SERVICE", "web"},
                                                                                  {"DYAD_SERVER", "w1"},
                                                                                  {"DYAD_ADDRESS", "192.0.2.1"},
                                                                                  {"DYAD_PORT", "80"},
                                                                                  {"DYAD_HEALTH", "up"},
                                                                                  {"DYAD_HEALTH_BEFORE", "unknown"},
                                                                                  {"DYAD_REASON", "200 OK"}});
    CHECK(h.of(event(health::up)).empty()); // its agent said something
    h.configure(services(), "", {});
    CHECK(h.of(event(health::up)).empty());
    CHECK(h.of(event(health::down)).size() == 1);
}

TEST_CASE("what was known before is no change", "[hooks]") {
    health_hooks h;
    std::vector<balance::server_state> const known{{{"web", "w1"}, health::up, balance::admin_state::online}};
    h.configure(services(), "", known);
    CHECK(h.of(event(health::up)).empty());
    CHECK(h.of(event(health::down)).at(0).environment.at(5).second == "up");
    health_hooks stranger;
    CHECK(stranger.of(event(health::down)).empty());
}
