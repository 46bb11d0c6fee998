// SPDX-License-Identifier: Apache-2.0
#include "checker/process.hpp"
#include "ipc/values.hpp"
#include "worker_seat.hpp"

#include <catch2/catch.hpp>

#include <signal.h>

#include <memory>

using test::named_server;
using test::worker_seat;
namespace json = boost::json;

namespace {

std::string service(std::uint16_t server_port) {
    return "format = 1\n[service.a]\nmode = \"tcp\"\naddress = \"127.0.0.1\"\nports = [80]\nbalance = \"wrr\"\n"
           "check = { type = \"connect\", interval = \"100ms\", timeout = \"1s\", rise = 1, fall = 1 }\n"
           "[service.a.server.A]\naddress = \"127.0.0.1\"\nport = " +
           std::to_string(server_port) + "\n";
}

json::object configuration(std::string const& text, std::vector<balance::server_state> const& known) {
    return {{"type", "configure"}, {"cluster_toml", text}, {"known", dyad::ipc::pack_all(known)}};
}

balance::server_state state(balance::health h, balance::admin_state admin = balance::admin_state::online) {
    return {{"a", "A"}, h, admin};
}

/// The health in the next such message; empty when none comes.
std::string health_told_by(worker_seat& seat) {
    auto const m = seat.heard("health");
    return m ? std::string(m->at("health").as_string()) : std::string();
}

} // namespace

TEST_CASE("the checker process tells what becomes of the servers") {
    auto server = std::make_unique<named_server>("anna");
    worker_seat seat(dyad::run_checker_process);
    seat.attach();
    seat.say_as_cluster(configuration(service(server->port()), {state(balance::health::unknown)}));
    CHECK(health_told_by(seat) == "up");
    auto const results = seat.heard("results");
    REQUIRE(results.has_value());
    CHECK(dyad::ipc::unpack_all<dyad::ipc::last_result>(*results, "entries").value().at(0).key.server == "A");
    server.reset();
    auto const down = seat.heard("health");
    REQUIRE(down.has_value());
    CHECK(down->at("health") == "down");
    CHECK(down->at("success") == false);
    CHECK_FALSE(down->at("reason").as_string().empty());
}

TEST_CASE("a server that stays as it was known is not news") {
    auto server = std::make_unique<named_server>("anna");
    worker_seat seat(dyad::run_checker_process);
    seat.attach();
    seat.say_as_cluster(configuration(service(server->port()), {state(balance::health::up)}));
    REQUIRE(seat.heard([](json::object const& m) {
        return m.at("type") == "results" && m.at("entries").as_array().at(0).at("reason") == "connected";
    }));
    server.reset();
    CHECK(health_told_by(seat) == "down"); // the first that is told
}

TEST_CASE("a checker process checks on after the cluster process died, and tells the next one what it knows") {
    auto server = std::make_unique<named_server>("anna");
    worker_seat seat(dyad::run_checker_process);
    seat.attach();
    auto const text = service(server->port());
    seat.say_as_cluster(configuration(text, {state(balance::health::unknown)}));
    CHECK(health_told_by(seat) == "up");
    seat.lose_cluster();
    seat.attach();
    SECTION("one that knows nothing") {
        seat.say_as_cluster(configuration(text, {state(balance::health::unknown)}));
        CHECK(health_told_by(seat) == "up");
    }
    SECTION("one that is wrong") {
        seat.say_as_cluster(configuration(text, {state(balance::health::down)}));
        CHECK(health_told_by(seat) == "up");
    }
    SECTION("one that hears of what happens then") {
        seat.say_as_cluster(configuration(text, {state(balance::health::up)}));
        server.reset();
        CHECK(health_told_by(seat) == "down");
    }
}

TEST_CASE("a halted server is not checked") {
    named_server const server("anna");
    worker_seat seat(dyad::run_checker_process);
    seat.attach();
    seat.say_as_cluster(
        configuration(service(server.port()), {state(balance::health::unknown, balance::admin_state::halt)}));
    auto const results = seat.heard("results");
    REQUIRE(results.has_value());
    CHECK(results->at("entries").as_array().at(0).at("reason") == "halted: not checked");
    seat.say_as_cluster(configuration(service(server.port()), {state(balance::health::unknown)}));
    CHECK(health_told_by(seat) == "up");
}

TEST_CASE("a test of a server tells its steps and leaves its health alone") {
    auto server = std::make_unique<named_server>("anna");
    worker_seat seat(dyad::run_checker_process);
    seat.attach();
    auto text = service(server->port());
    text.replace(text.find("100ms"), 5, "1h");
    seat.say_as_cluster(configuration(text, {state(balance::health::unknown)}));
    CHECK(health_told_by(seat) == "up");
    server.reset();
    seat.say_as_cluster({{"type", "test"}, {"id", 7}, {"service", "a"}, {"server", "A"}});
    auto const tested = seat.heard("tested");
    REQUIRE(tested.has_value());
    CHECK(tested->at("id") == 7);
    CHECK(tested->at("success") == false);
    CHECK(tested->at("reason") == "connection refused");
    CHECK(tested->at("check") == "connect");
    CHECK(tested->at("steps").as_array().at(0).at("name") == "connection");
    seat.say_as_cluster({{"type", "test"}, {"id", 8}, {"service", "a"}, {"server", "B"}});
    auto const unknown = seat.heard("tested");
    REQUIRE(unknown.has_value());
    CHECK(unknown->at("id") == 8);
    CHECK(unknown->at("error").as_string().find("a/B") != json::string::npos);
    // Nothing but results of before: the next one that attaches hears that it is up.
    seat.attach();
    seat.say_as_cluster(configuration(text, {state(balance::health::unknown)}));
    CHECK(health_told_by(seat) == "up");
}

TEST_CASE("the last results of a server are told when they are asked for") {
    auto server = std::make_unique<named_server>("anna");
    worker_seat seat(dyad::run_checker_process);
    seat.attach();
    seat.say_as_cluster(configuration(service(server->port()), {state(balance::health::unknown)}));
    CHECK(health_told_by(seat) == "up");
    server.reset();
    CHECK(health_told_by(seat) == "down");
    seat.say_as_cluster({{"type", "history"}, {"id", 3}, {"service", "a"}, {"server", "A"}});
    auto const told = seat.heard("history");
    REQUIRE(told.has_value());
    CHECK(told->at("id") == 3);
    auto const& runs = told->at("history").as_array();
    REQUIRE(runs.size() == 2);
    CHECK(runs[0].at("reason") == "connection refused");
    CHECK(runs[1].at("success") == true);
    CHECK(runs[1].at("count").to_number<int>() >= 1);
}

TEST_CASE("what the other node found counts where nothing is known") {
    worker_seat seat(dyad::run_checker_process);
    seat.attach();
    auto text = service(1);
    // Nobody answers there: the first check takes its whole minute.
    text.replace(text.find("\"1s\""), 4, "\"1m\"");
    text.replace(text.find("type = \"connect\""), 16, "type = \"dns\", query = \"a.example\"");
    seat.say_as_cluster(configuration(text, {state(balance::health::unknown)}));
    balance::health_event const found{{"a", "A"}, balance::health::up, {true, "found by the other node: 200 OK"}};
    seat.say_as_cluster({{"type", "seed"}, {"found", json::array{dyad::ipc::pack(found)}}});
    auto const told = seat.heard("health");
    REQUIRE(told.has_value());
    CHECK(told->at("health") == "up");
    CHECK(told->at("reason") == "found by the other node: 200 OK");
}

TEST_CASE("errors that the proxy met take a server down, and its checks bring it back") {
    named_server const server("anna");
    worker_seat seat(dyad::run_checker_process);
    seat.attach();
    seat.say_as_cluster(configuration(service(server.port()), {state(balance::health::unknown)}));
    CHECK(health_told_by(seat) == "up");
    dyad::ipc::error_report const report{{"a", "A"}, "10 errors", true};
    seat.say_as_cluster({{"type", "errors"}, {"reports", json::array{dyad::ipc::pack(report)}}});
    auto const told = seat.heard("health");
    REQUIRE(told.has_value());
    CHECK(told->at("health") == "down");
    CHECK(told->at("reason") == "10 errors");
    CHECK(health_told_by(seat) == "up");
}

TEST_CASE("a checker that rests checks at once when it is asked to, and when its rest is over") {
    auto server = std::make_unique<named_server>("anna");
    worker_seat seat(dyad::run_checker_process);
    seat.attach();
    auto text = service(server->port());
    text.replace(text.find("100ms"), 5, "1m");
    seat.say_as_cluster({{"type", "pace"}, {"factor", 100}});
    seat.say_as_cluster(configuration(text, {state(balance::health::unknown)}));
    CHECK(health_told_by(seat) == "up");
    server.reset();
    SECTION("asked") { seat.say_as_cluster({{"type", "check_now"}, {"servers", json::array{json::object{{"service", "a"}, {"server", "A"}}}}}); }
    SECTION("the addresses have come") { seat.say_as_cluster({{"type", "pace"}, {"factor", 1}}); }
    CHECK(health_told_by(seat) == "down");
}

TEST_CASE("what is no configuration changes nothing") {
    named_server const server("anna");
    worker_seat seat(dyad::run_checker_process);
    seat.attach();
    seat.say_as_cluster(configuration("format = 7\n", {}));
    seat.say_as_cluster({{"type", "configure"}, {"known", 5}});
    for (auto const* type : {"dance", "pace", "seed", "check_now", "errors"}) {
        seat.say_as_cluster({{"type", type}});
    }
    seat.say_as_cluster(configuration(service(server.port()), {}));
    CHECK(health_told_by(seat) == "up");
}

TEST_CASE("a checker process ends with its guardian and with SIGTERM") {
    worker_seat first(dyad::run_checker_process);
    auto const how = first.after_guardian_is_gone();
    REQUIRE(how.has_value());
    CHECK(how->clean());
    named_server const server("anna");
    worker_seat second(dyad::run_checker_process);
    second.attach();
    second.say_as_cluster(configuration(service(server.port()), {}));
    CHECK(health_told_by(second) == "up");
    auto const ended = second.after_signal(SIGTERM);
    REQUIRE(ended.has_value());
    CHECK(ended->clean());
}
