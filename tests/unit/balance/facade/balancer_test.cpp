// SPDX-License-Identifier: Apache-2.0
#include "support/event_wait.hpp"
#include "support/scripted_server.hpp"
#include "support/tcp_client.hpp"

#include <balance/balancer.hpp>

#include <catch2/catch.hpp>

using namespace balance;
using namespace test;
using namespace std::chrono_literals;

namespace {

virtual_service relayed(std::uint16_t port, std::vector<std::uint16_t> const& servers) {
    virtual_service s;
    s.name = "web";
    s.mode = mode::tcp;
    s.address = boost::asio::ip::make_address(own_address());
    s.ports = {{port, port}};
    s.balance = "wrr";
    s.check.interval = 10ms;
    s.check.timeout = 2000ms;
    char name = 'a';
    for (auto const at : servers)
        s.servers.push_back(
            {.name = std::string(1, name++), .address = boost::asio::ip::address_v4::loopback(), .port = at});
    return s;
}

std::string who(std::uint16_t port) {
    tcp_client client(port);
    return client.receive_line();
}

} // namespace

TEST_CASE("checks decide who gets connections, an operator overrules them", "[balancer]") {
    threaded_server a(greet_and_echo("a"));
    boost::asio::io_context io;
    balancer subject(io.get_executor());
    std::vector<health_event> events;
    subject.on_event([&](health_event const& e) { events.push_back(e); });
    auto const port = free_port();
    std::uint16_t const closed = 1;
    REQUIRE(subject.apply({{relayed(port, {a.port(), closed})}, {}}));
    REQUIRE(run_until(io, [&] { return events.size() == 2; }));
    REQUIRE(run_until(io, [&] { return who(port) == "a"; }));
    CHECK(who(port) == "a");
    for (auto const& h : subject.health())
        CHECK(h.health == (h.key.server == "a" ? health::up : health::down));
    REQUIRE(subject.status().size() == 1);
    CHECK(subject.status()[0].servers[0].counters.connections >= 2);

    REQUIRE(subject.set_admin_state({"web", "a"}, admin_state::drain));
    CHECK(who(port).empty());
    REQUIRE(subject.set_admin_state({"web", "a"}, admin_state::online));
    CHECK(who(port) == "a");
    CHECK(subject.set_admin_state({"web", "c"}, admin_state::halt).error().code == errc::not_found);
}

TEST_CASE("a faulty configuration changes nothing and names every fault", "[balancer]") {
    threaded_server a(greet_and_echo("a"));
    boost::asio::io_context io;
    balancer subject(io.get_executor());
    auto const port = free_port();
    auto good = relayed(port, {a.port()});
    good.check.type = health_check::kind::on;
    REQUIRE(subject.apply({{good}, {}}));
    REQUIRE(run_until(io, [&] { return who(port) == "a"; }));

    auto faulty = good;
    faulty.ports = {{0, 0}};
    faulty.balance = "magic";
    auto const refused = subject.apply({{faulty}, {}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::invalid_configuration);
    CHECK_THAT(refused.error().detail, Catch::Contains("web") && Catch::Contains("ports") && Catch::Contains("magic"));
    CHECK(who(port) == "a");
}
