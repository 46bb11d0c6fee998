// SPDX-License-Identifier: Apache-2.0
#include "probe/agent_dialogue.hpp"
#include "watched_checker.hpp"

#include <catch2/catch.hpp>

using namespace balance;
using namespace balance::probe;
using namespace test;
using namespace std::chrono_literals;

namespace {

/// Says a line to everyone who connects.
scripted_server::behaviour say(std::string const& line) {
    return [line](tcp::socket& s) -> boost::asio::awaitable<void> {
        co_await boost::asio::async_write(s, boost::asio::buffer(line), no_throw);
        s.close();
    };
}

/// A service whose server is taken for up, with an agent there.
virtual_service with_agent(std::uint16_t port, agent_check::kind type = agent_check::kind::tcp) {
    auto s = checked_service(check_of(health_check::kind::on), 80);
    s.agent.emplace();
    s.agent->type = type;
    s.agent->port = port;
    s.agent->interval = 10ms;
    s.agent->timeout = 5s;
    return s;
}

finding_out heard(agent_check::kind type, std::vector<std::string> const& pieces, core::agent_words& words) {
    auto const out = std::make_shared<core::agent_words>();
    agent_check how;
    how.type = type;
    how.request = "/load";
    agent_dialogue d(how, "192.0.2.1:3333", out);
    CHECK(d.to_send() == (type == agent_check::kind::tcp ? ""
                                                         : "GET /load HTTP/1.1\r\nHost: 192.0.2.1:3333\r\nUser-Agent: dyad\r\n"
                                                           "Accept: */*\r\nConnection: close\r\n\r\n"));
    for (auto const& piece : pieces)
        d.received(piece);
    d.closed();
    words = *out;
    return d.outcome().value();
}

} // namespace

TEST_CASE("agent: a line over TCP, and over HTTP", "[agent]") {
    core::agent_words words;
    auto const tcp_agent = agent_check::kind::tcp;
    auto const http_agent = agent_check::kind::http;
    CHECK(heard(tcp_agent, {"7", "5%", "\n", "down\n"}, words) == finding_out{true, "agent says \"75%\""});
    CHECK(words.per_cent == 75);
    CHECK(heard(tcp_agent, {"drain"}, words) == finding_out{true, "agent says \"drain\""});
    CHECK(heard(tcp_agent, {"hello\n"}, words) == finding_out{false, "the agent's word is not understood: \"hello\""});
    CHECK(heard(tcp_agent, {}, words) == finding_out{false, "the agent's word is not understood: \"\""});
    CHECK_FALSE(heard(tcp_agent, {std::string(100000, 'x')}, words).success);
    CHECK(heard(http_agent, {http_answer("up 30%\n")}, words) == finding_out{true, "agent says \"up 30%\""});
    CHECK(words.per_cent == 30);
    CHECK(heard(http_agent, {http_answer("30%", "503 Oh")}, words) == finding_out{false, "the agent answered with status 503"});
    CHECK_FALSE(heard(http_agent, {"30%\n"}, words).success);
}

TEST_CASE("agent: its word lowers the share, and is told", "[agent][checker]") {
    watched_checker c;
    scripted_server agent(c.io, say("50%\n"));
    c.apply({with_agent(agent.port())});
    REQUIRE(run_until(c.io, [&] { return !c.events.empty() && c.events.back().agent.share == 50; }));
    CHECK(c.events.back().health == health::up);
    CHECK(c.events.back().agent.said == "agent says \"50%\"");
    CHECK(c.subject.snapshot().at(0).agent.share == 50);
    agent.answer(say("drain\n"));
    REQUIRE(run_until(c.io, [&] { return c.events.back().agent.share == 0; }));
    CHECK(c.events.back().health == health::up);
    agent.answer(say("nonsense\n"));
    REQUIRE(run_until(c.io, [&] { return c.events.back().agent.share == 100; })); // silent three times
    CHECK(c.events.back().agent.said == "the agent's word is not understood: \"nonsense\"");
    agent.answer(say("30%\n"));
    REQUIRE(run_until(c.io, [&] { return c.events.back().agent.share == 30; }));
    agent.close();
    REQUIRE(run_until(c.io, [&] { return c.events.back().agent.share == 100; }));
    CHECK(c.events.back().agent.said == "connection refused");
}

TEST_CASE("agent: it never overrules a failed health check", "[agent][checker]") {
    watched_checker c;
    scripted_server agent(c.io, say("up 100%\n"));
    auto s = with_agent(agent.port());
    s.check.type = health_check::kind::off;
    c.apply({s});
    REQUIRE(run_until(c.io, [&] { return agent.connections() >= 3; }));
    CHECK(c.subject.snapshot().at(0).health == health::down);
}

TEST_CASE("agent: one is asked once for all services, goes with them, and what was known before holds until it speaks",
          "[agent][checker]") {
    watched_checker c;
    scripted_server silent(c.io, stay_silent);
    auto s = with_agent(silent.port());
    auto other = s;
    other.name = "other";
    c.apply({s, other}, {{{"web", "one"}, health::up, admin_state::online, 20}, {{"other", "one"}, health::up, admin_state::online, 20}});
    REQUIRE(run_until(c.io, [&] { return silent.connections() == 1; }));
    CHECK(c.subject.snapshot().at(0).agent.share == 20);
    CHECK(c.subject.snapshot().at(1).agent.share == 20);
    s.agent.reset();
    c.apply({s});
    REQUIRE(run_until(c.io, [&] { return !c.events.empty() && c.events.back().agent.share == 100; }));
    CHECK(c.subject.snapshot().at(0).agent == agent_view{});
    run_until(
        c.io, [] { return false; }, 40ms);
    CHECK(silent.connections() == 1);
}

TEST_CASE("agent: it names how many connections its server may have, until it is silent", "[agent][checker]") {
    watched_checker c;
    scripted_server agent(c.io, say("maxconn:30\n"));
    c.apply({with_agent(agent.port())}, {{{"web", "one"}, health::up, admin_state::online, 100, false, 7}});
    CHECK(c.subject.snapshot().at(0).agent.most_connections == 7); // as it was known
    REQUIRE(run_until(c.io, [&] { return !c.events.empty() && c.events.back().agent.most_connections == 30; }));
    CHECK(c.events.back().agent.share == 100);
    agent.answer(say("50%\n")); // what it leaves out stays
    REQUIRE(run_until(c.io, [&] { return c.events.back().agent.share == 50; }));
    CHECK(c.events.back().agent.most_connections == 30);
    agent.close();
    REQUIRE(run_until(c.io, [&] { return c.events.back().agent.most_connections == 0; }));
}
