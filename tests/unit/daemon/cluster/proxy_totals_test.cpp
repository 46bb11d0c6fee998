// SPDX-License-Identifier: Apache-2.0
#include "cluster/proxy_totals.hpp"

#include <catch2/catch.hpp>

using dyad::proxy_totals;

namespace {

balance::service_status web(std::uint64_t connections, std::uint32_t active, std::vector<std::string> const& servers = {"a", "b"}) {
    balance::service_status s;
    s.name = "web";
    s.waiting = 1;
    s.counters = {.connections = connections, .out_bytes = 10 * connections, .per_second = {.connections = 3}};
    s.exchanges.answers = {0, connections, 0, 0, 0};
    s.exchanges.time = {.count = connections, .p50 = std::chrono::microseconds(connections)};
    for (auto const& name : servers) {
        balance::server_status server;
        server.name = name;
        server.active_connections = active;
        server.counters = s.counters;
        s.servers.push_back(server);
    }
    return s;
}

} // namespace

TEST_CASE("one process is shown as it is") {
    proxy_totals totals;
    totals.set_roles(1, {});
    CHECK(totals.sum().empty());
    totals.take(1, true, 7, {web(5, 2)});
    REQUIRE(totals.sum() == std::vector{web(5, 2)});
    totals.take(1, false, 8, {web(6, 1)});
    CHECK(totals.sum() == std::vector{web(6, 1)});
    CHECK(totals.connections(1) == 8);
    CHECK(totals.connections(2) == 0);
}

TEST_CASE("what replaced processes do and did is added") {
    proxy_totals totals;
    totals.set_roles(1, {});
    totals.take(1, true, 2, {web(100, 2)});
    totals.take(2, true, 0, {web(0, 0)});
    totals.set_roles(2, {1});
    totals.take(2, false, 1, {web(10, 1)});
    auto const both = totals.sum().at(0);
    CHECK(both.counters.connections == 110);
    CHECK(both.counters.out_bytes == 1100);
    CHECK(both.counters.per_second.connections == 6);
    CHECK(both.exchanges.answers[1] == 110);
    CHECK(both.exchanges.time.count == 100);
    CHECK(both.waiting == 2);
    CHECK(both.servers.at(1).active_connections == 3);
    CHECK(both.servers.at(1).counters.connections == 110);

    SECTION("whoever of guardian and process says first that it has ended") {
        bool const guardian_first = GENERATE(true, false);
        if (guardian_first) {
            totals.set_roles(2, {});
        }
        totals.gone(1);
        totals.set_roles(2, {});
        auto const later = totals.sum().at(0);
        CHECK(later.counters.connections == 110);
        CHECK(later.counters.per_second.connections == 3);
        CHECK(later.exchanges.time.count == 10);
        CHECK(later.waiting == 1);
        CHECK(later.servers.at(0).active_connections == 1);
        CHECK(totals.connections(1) == 0);
    }
    SECTION("servers that are not in the configuration any more are left out") {
        totals.gone(1);
        totals.take(2, true, 1, {web(10, 1, {"b", "c"})});
        auto const later = totals.sum().at(0);
        REQUIRE(later.servers.size() == 2);
        CHECK(later.servers[0].counters.connections == 110);
        CHECK(later.servers[1].counters.connections == 10);
    }
    SECTION("any number of them") {
        totals.take(3, true, 0, {web(1, 1)});
        totals.set_roles(3, {1, 2});
        totals.gone(2);
        CHECK(totals.sum().at(0).counters.connections == 111);
        totals.gone(1);
        totals.set_roles(3, {});
        CHECK(totals.sum().at(0).counters.connections == 111);
    }
}

TEST_CASE("what a process that died had counted is shown until another one serves") {
    proxy_totals totals;
    totals.set_roles(1, {});
    totals.take(1, true, 7, {web(5, 2)});
    totals.gone(1);
    CHECK(totals.sum() == std::vector{web(5, 2)});
    totals.set_roles(2, {});
    totals.take(2, true, 0, {web(1, 1)});
    CHECK(totals.sum() == std::vector{web(1, 1)});
}

TEST_CASE("a process that never served leaves nothing") {
    proxy_totals totals;
    totals.set_roles(1, {});
    totals.take(1, true, 7, {web(5, 2)});
    totals.take(2, true, 0, {web(1, 1)});
    totals.gone(2);
    CHECK(totals.sum() == std::vector{web(5, 2)});
}
