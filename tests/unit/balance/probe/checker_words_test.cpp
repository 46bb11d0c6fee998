// SPDX-License-Identifier: Apache-2.0
// What a checker is told by others than its servers: how often to check, what another node found, what traffic met. And the time
// limit of a connection.
#include "watched_checker.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

#include <optional>

using namespace balance;
using namespace test;
using namespace std::chrono_literals;

namespace {

auto const connects = health_check::kind::connect;
auto const asks = health_check::kind::http; ///< the server's program hears of it, and counts
auto const well = reply(http_answer("good"));

} // namespace

TEST_CASE("a slower pace makes fewer checks, and the full one checks at once", "[checker][pace]") {
    watched_checker c;
    scripted_server server(c.io, well);
    auto s = slow(checked_service(check_of(asks), server.port()), 20ms);
    c.subject.pace(1000);
    c.apply({s});
    REQUIRE(c.wait_for_events(1)); // the first one is made at once all the same
    settle(c);
    settle(c);
    settle(c);
    CHECK(server.connections() == 1);
    c.subject.pace(1);
    CHECK(run_until(c.io, [&] { return server.connections() >= 3; }));
}

TEST_CASE("a change of pace to a slower one checks nothing, and to a faster one all", "[checker][pace]") {
    watched_checker c;
    scripted_server server(c.io, well);
    auto const s = slow(checked_service(check_of(asks), server.port()));
    c.apply({s});
    REQUIRE(c.wait_for_events(1));
    c.subject.pace(3);
    settle(c);
    CHECK(server.connections() == 1);
    c.subject.pace(2);
    CHECK(run_until(c.io, [&] { return server.connections() == 2; }));
    c.subject.pace(2);
    settle(c);
    CHECK(server.connections() == 2);
}

TEST_CASE("at a slow pace a result that contradicts the state is looked into at the full rate", "[checker][pace]") {
    watched_checker c;
    std::optional<scripted_server> server(std::in_place, c.io, stay_silent);
    auto check = check_of(connects);
    check.fall = 5;
    check.interval = 20ms;
    c.apply({checked_service(check, server->port())});
    REQUIRE(c.wait_for_events(1));
    c.subject.pace(100); // 2 s from one to the next
    server.reset();
    server_key const key{"web", "one"};
    settle(c);
    c.subject.check_now({&key, 1});
    auto const began = std::chrono::steady_clock::now();
    REQUIRE(c.wait_for_events(2));
    CHECK(c.events[1].health == health::down);
    CHECK(std::chrono::steady_clock::now() - began < 2s);
}

TEST_CASE("checks that are asked for are made at once, others are left alone", "[checker]") {
    watched_checker c;
    scripted_server one(c.io, well);
    scripted_server two(c.io, well);
    c.apply({slow(checked_service(check_of(asks), one.port(), "a")), slow(checked_service(check_of(asks), two.port(), "b"))});
    REQUIRE(c.wait_for_events(2));
    std::vector<server_key> const keys{{"a", "one"}, {"a", "one"}, {"nowhere", "one"}};
    c.subject.check_now(keys);
    REQUIRE(run_until(c.io, [&] { return one.connections() == 2; }));
    settle(c);
    CHECK(one.connections() == 2);
    CHECK(two.connections() == 1);
}

TEST_CASE("what another checker found seeds unknown servers alone", "[checker][seed]") {
    watched_checker c;
    scripted_server silent(c.io, stay_silent); // the check waits for its answer
    std::vector<virtual_service> const all{slow(checked_service(check_of(asks), silent.port(), "a")),
                                           slow(checked_service(check_of(asks), silent.port(), "same")),
                                           slow(checked_service(check_of(connects), silent.port(), "known"))};
    c.apply(all);
    REQUIRE(c.wait_for_events(1));
    CHECK(c.events[0].key.service == "known");
    std::vector<health_event> const found{{{"a", "one"}, health::up, {true, "found elsewhere"}},
                                          {{"known", "one"}, health::down, {false, "found elsewhere"}},
                                          {{"nowhere", "one"}, health::down, {false, "found elsewhere"}}};
    c.subject.seed(found);
    CHECK(c.events.size() == 1); // never from within
    REQUIRE(c.wait_for_events(3));
    CHECK(c.events[1].key.service == "a");
    CHECK(c.events[1].health == health::up);
    CHECK(c.events[1].last.reason == "found elsewhere");
    CHECK(c.events[2].key.service == "same"); // its check is the same
    c.subject.seed(found);
    settle(c);
    CHECK(c.events.size() == 3);
}

TEST_CASE("a seeded server is not turned by one odd result", "[checker][seed]") {
    watched_checker c;
    auto s = slow(checked_service(check_of(connects), 1));
    c.apply({s});
    std::vector<health_event> const found{{{"web", "one"}, health::up, {true, "found elsewhere"}}};
    c.subject.seed(found);
    REQUIRE(run_until(c.io, [&] { return only(c.subject).last.reason == "connection refused"; }));
    CHECK(only(c.subject).health == health::up);
}

TEST_CASE("the checks of one service do not all begin before those of the next", "[checker][start]") {
    watched_checker c;
    std::vector<virtual_service> services;
    for (std::string const name : {"a", "b"}) {
        auto& s = services.emplace_back(slow(checked_service(check_of(connects), 1, name)));
        s.servers.clear();
        for (int i = 1; i <= 20; ++i) // nobody listens there
            s.servers.push_back({.name = std::to_string(i),
                                 .address = boost::asio::ip::make_address("127.0." + std::string(name == "a" ? "1." : "2.") + std::to_string(i))});
    }
    c.apply(services);
    REQUIRE(c.wait_for_events(40));
    auto const early = std::count_if(c.events.begin(), c.events.begin() + 20, [](health_event const& e) { return e.key.service == "a"; });
    CHECK(early >= 7);
    CHECK(early <= 13);
}

TEST_CASE("errors of clients' traffic count as one failed check, and the next one is made at once", "[checker][observe]") {
    watched_checker c;
    scripted_server server(c.io, well);
    auto check = check_of(asks);
    check.interval = 1h;
    check.rise = 1;
    server_key const key{"web", "one"};
    SECTION("where one failure is enough") {
        check.fall = 1;
        c.apply({checked_service(check, server.port())});
        REQUIRE(c.wait_for_events(1));
        CHECK(c.subject.report_errors(key, "10 errors", false));
        REQUIRE(c.events.size() == 2);
        CHECK(c.events[1].health == health::down);
        CHECK(c.events[1].last.reason == "10 errors");
        CHECK_FALSE(c.subject.report_errors(key, "10 errors", false)); // not up
        REQUIRE(c.wait_for_events(3));                                   // its check is well, and says so at once
        CHECK(c.events[2].health == health::up);
    }
    SECTION("where two are needed") {
        check.fall = 2;
        c.apply({checked_service(check, server.port())});
        REQUIRE(c.wait_for_events(1));
        CHECK(c.subject.report_errors(key, "10 errors", false));
        CHECK(only(c.subject).last.reason == "10 errors");
        REQUIRE(run_until(c.io, [&] { return server.connections() == 2; }));
        REQUIRE(run_until(c.io, [&] { return only(c.subject).last.success; }));
        CHECK(c.events.size() == 1);
        CHECK(c.subject.history(key).size() == 3); // good, the errors, good
        server.close();
        CHECK(c.subject.report_errors(key, "10 errors", false));
        REQUIRE(c.wait_for_events(2)); // and its check fails as well
        CHECK(c.events[1].last.reason == "connection refused");
    }
    SECTION("taken down whatever is needed") {
        check.fall = 100;
        check.rise = 2;
        check.fast_interval = 10ms;
        c.apply({checked_service(check, server.port())});
        REQUIRE(c.wait_for_events(1));
        CHECK(c.subject.report_errors(key, "10 errors", true));
        REQUIRE(c.events.size() == 2);
        CHECK(c.events[1].health == health::down);
        REQUIRE(c.wait_for_events(3)); // until two checks say otherwise
        CHECK(server.connections() == 3);
    }
    CHECK_FALSE(c.subject.report_errors({"nowhere", "one"}, "10 errors", true));
}

TEST_CASE("a server that is up without a check stays so whatever traffic meets", "[checker][observe]") {
    watched_checker c;
    c.apply({checked_service(check_of(health_check::kind::on), 1)});
    REQUIRE(c.wait_for_events(1));
    CHECK_FALSE(c.subject.report_errors({"web", "one"}, "10 errors", true));
    CHECK(only(c.subject).health == health::up);
}

TEST_CASE("a connection has a time limit of its own, an answer the check's", "[checker][connect_timeout]") {
    boost::asio::io_context other;
    tcp::acceptor deaf(other); // one place in its queue, which is taken: further SYNs are dropped
    deaf.open(tcp::v4());
    deaf.bind({boost::asio::ip::address_v4::loopback(), 0});
    deaf.listen(0);
    tcp::socket filling(other);
    filling.connect(deaf.local_endpoint());
    watched_checker c;
    auto check = check_of(asks);
    check.connect_timeout = 60ms;
    check.timeout = 5s;
    std::string expected;
    scripted_server silent(c.io, stay_silent);
    auto port = deaf.local_endpoint().port();
    SECTION("no connection") { expected = "no connection within 60 ms"; }
    SECTION("a connection, but no TLS") {
        check.type = health_check::kind::https;
        port = silent.port();
        expected = "no TLS handshake within 60 ms";
    }
    SECTION("a connection, but no answer") {
        port = silent.port();
        check.timeout = 120ms;
        expected = "no answer within 120 ms";
    }
    auto const s = checked_service(check, port);
    c.apply({s});
    auto const r = c.result();
    CHECK(r.reason == expected);
    CHECK(r.latency < 4s);
    std::optional<check_trial> tested;
    c.subject.test(s, s.servers[0], [&](check_trial t) { tested = std::move(t); });
    REQUIRE(run_until(c.io, [&] { return tested.has_value(); }));
    CHECK(tested->result.reason == expected);
}
