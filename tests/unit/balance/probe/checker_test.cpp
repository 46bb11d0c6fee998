// SPDX-License-Identifier: Apache-2.0
#include "watched_checker.hpp"

#include <boost/asio/steady_timer.hpp>

#include <catch2/catch.hpp>

#include <optional>
#include <thread>
#include <utility>

using namespace balance;
using namespace test;
using namespace std::chrono_literals;

namespace {

auto const tcp_connect = health_check::kind::connect;
auto const http = health_check::kind::http; ///< the server's program hears of it, and counts
auto const good = reply(http_answer("good"));

server_state known(health h, admin_state a = admin_state::online, std::string const& service = "web") {
    return {{service, "one"}, h, a};
}

/// Counts the runs of the only check, connections alone included, by its last result growing young. Asked often enough.
class run_counter {
public:
    explicit run_counter(checker const& c) : checker_(c) {}

    std::size_t count() {
        auto const age = only(checker_).since_last;
        count_ += age < std::exchange(age_, age);
        return count_;
    }

private:
    checker const& checker_;
    milliseconds age_{0};
    std::size_t count_ = 0;
};

} // namespace

TEST_CASE("a server that accepts connections comes up with the first check", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, stay_silent);
    c.apply({checked_service(check_of(tcp_connect), server.port())});
    CHECK(only(c.subject).health == health::unknown);
    REQUIRE(c.wait_for_events(1));
    CHECK(c.events[0].key == server_key{"web", "one"});
    CHECK(c.events[0].health == health::up);
    CHECK(c.events[0].last.reason == "connected");
    CHECK(only(c.subject).health == health::up);
    CHECK(only(c.subject).last.reason == "connected");
}

TEST_CASE("a closed port is down with a reason", "[checker]") {
    watched_checker c;
    c.apply({checked_service(check_of(tcp_connect), 1)});
    REQUIRE(c.wait_for_events(1));
    CHECK(c.events[0].health == health::down);
    CHECK(c.events[0].last.reason == "connection refused");
}

TEST_CASE("a connect that is not answered is down in time", "[checker]") {
    boost::asio::io_context other;
    tcp::acceptor deaf(other); // one place in its queue, which is taken: further SYNs are dropped
    deaf.open(tcp::v4());
    deaf.bind({boost::asio::ip::address_v4::loopback(), 0});
    deaf.listen(0);
    tcp::socket filling(other);
    filling.connect(deaf.local_endpoint());
    watched_checker c;
    auto check = check_of(tcp_connect);
    check.timeout = 60ms;
    c.apply({checked_service(check, deaf.local_endpoint().port())});
    auto const r = c.result();
    CHECK(r.reason == "no connection within 60 ms");
    CHECK(r.latency >= 60ms);
}

TEST_CASE("a connect check is nothing that the server's program hears of", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, stay_silent);
    c.apply({checked_service(check_of(tcp_connect), server.port())});
    run_counter all(c.subject);
    REQUIRE(run_until(c.io, [&] { return all.count() == 20; }));
    CHECK(only(c.subject).health == health::up);
    CHECK(server.connections() <= 2); // where we were kept waiting for 40 ms, the kernel has let it know
}

constexpr std::size_t all = 1000;

TEST_CASE("news are told once, and to a new listener all", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, reply(http_answer("good")));
    auto check = check_of(http);
    check.fall = 1;
    std::vector<virtual_service> const both{checked_service(check, server.port(), "a"), checked_service(check_of(tcp_connect), 1, "b")};
    c.apply(both);
    REQUIRE(c.wait_for_events(2));
    auto const first = c.subject.news(all);
    REQUIRE(first.size() == 2);
    CHECK(first[0].last.reason == "200 OK");
    CHECK(first[1].health == health::down);
    settle(c);
    CHECK(c.subject.news(all).empty());

    server.answer(reply(http_answer("", "500 Oh")));
    REQUIRE(c.wait_for_events(3));
    auto const then = c.subject.news(all);
    REQUIRE(then.size() == 1);
    CHECK(then[0].key.service == "a");
    CHECK(then[0].last.reason.starts_with("status 500"));
    CHECK(c.subject.news(all).empty());

    c.apply(both, {known(health::down, admin_state::halt, "a")});
    auto const halted = c.subject.news(all);
    REQUIRE(halted.size() == 1);
    CHECK(halted[0].last.reason == "halted: not checked");
    c.apply(both, {known(health::down, admin_state::halt, "a")});
    CHECK(c.subject.news(all).empty());

    c.subject.repeat_news();
    CHECK(c.subject.news(all).size() == 2);
}

TEST_CASE("news are told in parts, the longest waiting first", "[checker]") {
    watched_checker c;
    std::vector<virtual_service> services;
    for (auto const* const name : {"a", "b", "c", "d", "e"})
        services.push_back(checked_service(check_of(health_check::kind::off), 1, name));
    c.apply(services);
    auto const told = [&](std::size_t most) {
        std::string names;
        for (auto const& s : c.subject.news(most))
            names += s.key.service;
        return names;
    };
    CHECK(told(0).empty());
    CHECK(told(2) == "ab");
    services.erase(services.begin() + 2); // who waits to be told
    c.apply(services);
    CHECK(told(1) == "d");
    c.subject.repeat_news();
    CHECK(told(3) == "abd");
    CHECK(told(all) == "e");
    CHECK(told(all).empty());
}

TEST_CASE("another latency alone is news, when it is long enough since the last", "[checker]") {
    bool const soon = GENERATE(true, false);
    watched_checker c({.latency_period = soon ? 0ms : 1h});
    std::chrono::milliseconds pause{0};
    scripted_server server(c.io, [&](tcp::socket& s) -> boost::asio::awaitable<void> {
        boost::asio::steady_timer timer(s.get_executor(), pause);
        co_await timer.async_wait(no_throw);
        co_await reply(http_answer("good"))(s);
    });
    c.apply({checked_service(check_of(http), server.port())});
    REQUIRE(c.wait_for_events(1));
    CHECK(c.subject.news(all).size() == 1);
    pause = 15ms;
    REQUIRE(run_until(c.io, [&] { return only(c.subject).last.latency >= pause; }));
    CHECK(c.subject.news(all).size() == (soon ? 1 : 0));
}

TEST_CASE("how late checks begin is counted", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, stay_silent);
    c.apply({checked_service(check_of(tcp_connect), server.port())});
    REQUIRE(c.wait_for_events(1));
    CHECK(c.subject.take_lateness().count == 1);
    CHECK(c.subject.take_lateness().count == 0);
    std::this_thread::sleep_for(50ms); // what a busy process does to its checks
    REQUIRE(run_until(c.io, [&] { return only(c.subject).since_last < 10ms; }));
    auto const late = c.subject.take_lateness();
    CHECK(late.count >= 1);
    CHECK(late.p99 >= 30ms);
    CHECK(late.p99 < 5s);
}

TEST_CASE("rise and fall are kept, and coming back is told", "[checker]") {
    watched_checker c;
    std::optional<scripted_server> server(std::in_place, c.io, stay_silent);
    auto const port = server->port();
    auto check = check_of(tcp_connect);
    check.fall = 3;
    check.rise = 2;
    c.apply({checked_service(check, port)});
    REQUIRE(c.wait_for_events(1));
    server.reset();
    REQUIRE(c.wait_for_events(2));
    CHECK(c.events[1].health == health::down);
    CHECK(only(c.subject).since_change <= 5s);
}

TEST_CASE("one check serves all who need it", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, good);
    std::vector<virtual_service> services;
    for (int i = 0; i < 5; ++i)
        services.push_back(slow(checked_service(check_of(http), server.port(), "s" + std::to_string(i))));
    services[4].check.timeout = 4s; // another check
    c.apply(services);
    REQUIRE(c.wait_for_events(5));
    settle(c);
    CHECK(server.connections() == 2);

    // Who joins later learns at once what is known.
    services.push_back(slow(checked_service(check_of(http), server.port(), "late")));
    c.apply(services);
    REQUIRE(c.wait_for_events(6));
    CHECK(c.events[5].key.service == "late");
    CHECK(c.events[5].health == health::up);
    CHECK(server.connections() == 2);
}

TEST_CASE("the port of a check: its own, the server's, the service's first", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, stay_silent);
    auto s = slow(checked_service(check_of(tcp_connect), 0));
    SECTION("its own") {
        s.check.port = server.port();
        s.servers[0].port = 1;
    }
    SECTION("the server's") { s.servers[0].port = server.port(); }
    SECTION("the service's first") { s.ports = {{server.port(), 65535}, {1, 1}}; }
    c.apply({s});
    CHECK(c.result().success);
}

TEST_CASE("unchanged checks keep their state and rhythm", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, good);
    auto const s = slow(checked_service(check_of(http), server.port()));
    c.apply({s});
    REQUIRE(c.wait_for_events(1));
    for (int i = 0; i < 20; ++i)
        c.apply({s});
    auto renamed_balance = s;
    renamed_balance.balance = "wrr";
    renamed_balance.servers[0].weight = 7;
    c.apply({renamed_balance});
    settle(c);
    CHECK(server.connections() == 1);
    CHECK(c.events.size() == 1);
    CHECK(only(c.subject).health == health::up);
}

TEST_CASE("a changed check of the same machine keeps the state, another machine starts anew", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, stay_silent);
    auto s = slow(checked_service(check_of(tcp_connect), server.port()));
    c.apply({s});
    REQUIRE(c.wait_for_events(1));
    s.check.interval = 2h;
    s.check.port = 1; // refuses, but one failure does not turn a known state
    c.apply({s});
    CHECK(only(c.subject).health == health::up);
    REQUIRE(run_until(c.io, [&] { return only(c.subject).last.reason == "connection refused"; }));
    CHECK(only(c.subject).health == health::up);
    CHECK(c.events.size() == 1);

    s.servers[0].address = boost::asio::ip::make_address("127.0.0.2");
    c.apply({s});
    CHECK(only(c.subject).health == health::unknown);
    REQUIRE(c.wait_for_events(2));
    REQUIRE(run_until(c.io, [&] { return c.events.back().health == health::down; }));
}

TEST_CASE("what was known before seeds a new checker", "[checker]") {
    watched_checker c;
    c.apply({slow(checked_service(check_of(tcp_connect), 1))}, {known(health::up)});
    CHECK(only(c.subject).health == health::up);
    REQUIRE(run_until(c.io, [&] { return only(c.subject).last.reason == "connection refused"; }));
    CHECK(only(c.subject).health == health::up); // fall = 2
    CHECK(c.events.empty());                     // nothing the owner does not know

    watched_checker quick;
    quick.apply({checked_service(check_of(tcp_connect), 1)}, {known(health::up)});
    REQUIRE(quick.wait_for_events(1));
    CHECK(quick.events[0].health == health::down);
}

TEST_CASE("a halted server is not checked and comes back as unknown", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, good);
    auto const s = checked_service(check_of(http), server.port());
    c.apply({s});
    REQUIRE(c.wait_for_events(1));
    c.apply({s}, {known(health::up, admin_state::halt)});
    REQUIRE(c.wait_for_events(2));
    CHECK(c.events[1].health == health::unknown);
    CHECK(only(c.subject).last.reason == "halted: not checked");
    settle(c); // what was on its way has arrived
    auto const checks = server.connections();
    settle(c);
    settle(c);
    CHECK(server.connections() == checks);

    server.close(); // while it was halted
    c.apply({s}, {known(health::up)});
    CHECK(only(c.subject).health == health::unknown);
    REQUIRE(run_until(c.io, [&] { return c.events.back().health == health::down; }));
}

TEST_CASE("halting a server of one service leaves the others' check alone", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, good);
    std::vector<virtual_service> const both{checked_service(check_of(http), server.port(), "a"),
                                            checked_service(check_of(http), server.port(), "b")};
    c.apply(both);
    REQUIRE(c.wait_for_events(2));
    c.apply(both, {known(health::up, admin_state::halt, "a"), known(health::up, admin_state::online, "b")});
    REQUIRE(c.wait_for_events(3));
    CHECK(c.events[2].key.service == "a");
    auto const before = server.connections();
    CHECK(run_until(c.io, [&] { return server.connections() > before + 1; }));
    c.apply(both);
    REQUIRE(c.wait_for_events(4));
    CHECK(c.events[3].key.service == "a");
    CHECK(c.events[3].health == health::up);
}

TEST_CASE("a drained server goes on being checked", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, stay_silent);
    c.apply({checked_service(check_of(tcp_connect), server.port())}, {known(health::unknown, admin_state::drain)});
    CHECK(c.result().success);
}

TEST_CASE("on is up and off is down without a packet", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, stay_silent);
    auto on = checked_service(check_of(health_check::kind::on), server.port(), "on");
    auto off = checked_service(check_of(health_check::kind::off), server.port(), "off");
    c.apply({off, on}, {known(health::down, admin_state::online, "on"), known(health::up, admin_state::online, "off")});
    REQUIRE(c.wait_for_events(2));
    for (auto const& e : c.events)
        CHECK(e.health == (e.key.service == "on" ? health::up : health::down));
    settle(c);
    CHECK(server.connections() == 0);
    CHECK(c.events.size() == 2);
}

TEST_CASE("the interval runs from start to start, and a slow check is not overtaken by the next", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, stay_silent);
    auto check = check_of(health_check::kind::http);
    check.interval = 10ms;
    check.timeout = 40ms;
    c.apply({checked_service(check, server.port())});
    auto const start = std::chrono::steady_clock::now();
    REQUIRE(run_until(c.io, [&] { return server.connections() == 5; }));
    CHECK(std::chrono::steady_clock::now() - start >= 4 * 40ms);
}

TEST_CASE("nothing happens after stop, nor after removal", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, good);
    c.apply({checked_service(check_of(http), server.port())});
    REQUIRE(c.wait_for_events(1));
    SECTION("stop") {
        c.subject.stop();
        c.subject.stop();
    }
    SECTION("removal") { c.apply({}); }
    CHECK(c.subject.snapshot().empty());
    CHECK(c.subject.news(all).empty());
    settle(c);
    auto const checks = server.connections();
    settle(c);
    CHECK(server.connections() == checks);
    CHECK(c.events.size() == 1);
}

TEST_CASE("a callback may apply, and may destroy the checker", "[checker]") {
    boost::asio::io_context io;
    scripted_server server(io, stay_silent);
    std::optional<checker> subject(std::in_place, io.get_executor());
    std::vector<virtual_service> services;
    for (int i = 0; i < 3; ++i)
        services.push_back(checked_service(check_of(tcp_connect), server.port(), "s" + std::to_string(i)));
    int calls = 0;
    subject->on_event([&](health_event const&) {
        if (++calls == 1)
            subject->apply(services, {});
        else
            subject.reset();
    });
    subject->apply(services, {});
    CHECK(run_until(io, [&] { return !subject; }));
    run_until(
        io, [] { return false; }, 15ms);
    CHECK(calls == 2);
}

TEST_CASE("a checker can be moved", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, stay_silent);
    c.apply({checked_service(check_of(tcp_connect), server.port())});
    checker moved(std::move(c.subject));
    REQUIRE(c.wait_for_events(1));
    c.subject = std::move(moved);
    CHECK(only(c.subject).health == health::up);
}

TEST_CASE("a few connections between two whole checks, as long as all is well", "[checker]") {
    watched_checker c;
    std::size_t requests = 0;
    std::string answer = http_answer("good");
    scripted_server server(c.io, [&](tcp::socket& s) -> boost::asio::awaitable<void> {
        std::string read;
        auto into = boost::asio::dynamic_buffer(read);
        auto const [ec, size] = co_await boost::asio::async_read_until(s, into, "\r\n\r\n", no_throw);
        if (!ec) {
            ++requests;
            co_await boost::asio::async_write(s, boost::asio::buffer(answer), no_throw);
        }
        s.close();
    });
    auto check = check_of(health_check::kind::http);
    check.connects = 3;
    c.apply({checked_service(check, server.port())});
    run_counter all(c.subject);
    REQUIRE(run_until(c.io, [&] { return all.count() == 13; }));
    CHECK(requests >= 3);
    CHECK(requests <= 4);
    CHECK(only(c.subject).last.reason == "200 OK"); // of the last whole check
    CHECK(c.subject.history({"web", "one"}).size() == 1);

    // A failure is looked into by whole checks alone: no connection brings back who answers wrongly.
    answer = http_answer("", "500 Oh");
    REQUIRE(c.wait_for_events(2));
    auto const before = all.count() - requests;
    auto const until = requests + 5;
    REQUIRE(run_until(c.io, [&] { return all.count() > 0 && requests >= until; }));
    CHECK(all.count() - requests <= before + 1); // the one that is under way
    CHECK(only(c.subject).health == health::down);
    CHECK(c.events.size() == 2);

    // A connection that fails counts.
    answer = http_answer("good");
    REQUIRE(c.wait_for_events(3));
    server.close();
    REQUIRE(c.wait_for_events(4));
    CHECK(c.events.back().last.reason == "connection refused");
}

TEST_CASE("the intervals while a state is changing and while a server is down", "[checker]") {
    watched_checker c;
    scripted_server server(c.io, reply(http_answer("", "500 Oh")));
    auto check = check_of(health_check::kind::http);
    check.interval = 1h;
    check.fast_interval = 10ms;
    check.rise = check.fall = 3;
    SECTION("fast while results contradict the state, then slow again") {
        c.apply({checked_service(check, server.port())}, {known(health::up)});
        REQUIRE(c.wait_for_events(1));
        CHECK(c.events[0].health == health::down);
        settle(c);
        settle(c);
        CHECK(server.connections() == 3);
    }
    SECTION("another one while it is down") {
        check.down_interval = 10ms; // shorter only here, to see it
        check.fast_interval = 1h;
        c.apply({checked_service(check, server.port())}, {known(health::down)});
        CHECK(run_until(c.io, [&] { return server.connections() >= 4; }));
        server.answer(reply(http_answer("good"))); // a contradiction: an hour from now on
        REQUIRE(run_until(c.io, [&] { return only(c.subject).last.success; }));
        auto const checks = server.connections();
        settle(c);
        settle(c);
        CHECK(server.connections() == checks);
        CHECK(only(c.subject).health == health::down);
    }
}
