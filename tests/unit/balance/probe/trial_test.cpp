// SPDX-License-Identifier: Apache-2.0
#include "support/temporary_directory.hpp"
#include "support/tls_server.hpp"
#include "watched_checker.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <optional>

using namespace balance;
using namespace test;
using namespace std::chrono_literals;

namespace {

/// The outcome of testing the only server of this service.
std::optional<check_trial> tested(watched_checker& c, virtual_service const& s) {
    std::optional<check_trial> out;
    c.subject.test(s, s.servers.at(0), [&](check_trial t) { out = std::move(t); });
    CHECK_FALSE(out.has_value());
    run_until(c.io, [&] { return out.has_value(); });
    return out;
}

std::vector<std::string> names(check_trial const& t) {
    std::vector<std::string> out;
    for (auto const& s : t.steps)
        out.push_back(s.name);
    return out;
}

} // namespace

TEST_CASE("a tested http check tells each step, with what was sent and what came back", "[trial]") {
    watched_checker c;
    scripted_server server(c.io, reply(http_answer("a\x01\\b")));
    auto check = check_of(health_check::kind::http);
    check.expect.equals = "good";
    auto const t = tested(c, checked_service(check, server.port()));
    REQUIRE(t);
    CHECK_FALSE(t->result.success);
    CHECK(t->result.reason == "body is not \"good\" but \"a.\\b\"");
    CHECK(t->target == endpoint{boost::asio::ip::address_v4::loopback(), server.port()});
    REQUIRE(names(*t) == std::vector<std::string>{"connection", "answer", "complete answer"});
    auto const& asked = t->steps[1];
    CHECK(asked.sent == "GET / HTTP/1.1\\r\\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                            "\\r\\nUser-Agent: dyad\\r\\nAccept: */*\\r\\nConnection: close\\r\\n\\r\\n");
    CHECK(asked.sent_bytes == asked.sent.size() - 6 * 2);
    CHECK(asked.received_bytes == 0);
    CHECK(t->steps[2].received == "HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\na\\x01\\\\b");
    CHECK(t->steps[2].received_bytes == 42);
    CHECK(t->result.received == "HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\na\\x01\\\\b");
}

TEST_CASE("a tested check that runs out of time ends with the step it waited in", "[trial]") {
    watched_checker c;
    auto check = check_of(health_check::kind::http);
    check.timeout = 40ms;
    scripted_server silent(c.io, stay_silent);
    auto const t = tested(c, checked_service(check, silent.port()));
    REQUIRE(t);
    CHECK(t->result.reason == "no answer within 40 ms");
    CHECK(t->result.latency >= 40ms);
    REQUIRE(names(*t) == std::vector<std::string>{"connection", "answer"});
    CHECK(t->steps[1].took >= 30ms);
}

TEST_CASE("what a tested check keeps is bounded", "[trial]") {
    watched_checker c;
    scripted_server server(c.io, reply("HTTP/1.0 200 OK\r\n\r\n" + std::string(30000, 'x')));
    auto check = check_of(health_check::kind::http);
    check.expect.contains = "y";
    auto const t = tested(c, checked_service(check, server.port()));
    REQUIRE(t);
    CHECK(t->steps.back().received_bytes == 30019);
    CHECK(t->steps.back().received.size() == 1024 + 4); // four escapes of two characters
    CHECK(t->result.received.size() == 60 + 4);
}

TEST_CASE("a tested https check has a step for the handshake", "[trial]") {
    watched_checker c;
    boost::asio::ssl::context tls(boost::asio::ssl::context::tls_server);
    certificate const known("pacs.example");
    known.use_in(tls);
    scripted_server server(c.io, reply_over_tls(tls, http_answer("good")));
    auto const t = tested(c, checked_service(check_of(health_check::kind::https), server.port()));
    REQUIRE(t);
    CHECK(t->result.success);
    CHECK(names(*t) == std::vector<std::string>{"connection", "TLS handshake", "answer", "complete answer"});
}

TEST_CASE("a tested script shows its arguments and what it said", "[trial]") {
    watched_checker c;
    temporary_directory directory;
    auto const script = directory.path() / "check";
    std::ofstream(script) << "#!/bin/sh\necho \"$4 is fine\"\necho and more\n";
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    auto check = check_of(health_check::kind::external);
    check.command = script.string();
    auto const t = tested(c, checked_service(check, 8080));
    REQUIRE(t);
    CHECK(t->result.reason == "exit status 0: \"8080 is fine\"");
    REQUIRE(t->steps.size() == 1);
    CHECK(t->steps[0].note == script.string() + " 192.0.2.1 80 127.0.0.1 8080");
    CHECK(t->steps[0].received == "8080 is fine\\nand more\\n");
}

TEST_CASE("on and off have nothing to tell but what they are", "[trial]") {
    watched_checker c;
    auto const off = tested(c, checked_service(check_of(health_check::kind::off), 80));
    REQUIRE(off);
    CHECK(off->result.reason == "taken for down without a check");
    CHECK(off->steps.empty());
    CHECK(tested(c, checked_service(check_of(health_check::kind::on), 80))->result.success);
}

TEST_CASE("a test changes no health, and works for a halted server", "[trial]") {
    watched_checker c;
    std::optional<scripted_server> server(std::in_place, c.io, stay_silent);
    auto s = checked_service(check_of(health_check::kind::connect), server->port());
    s.check.interval = 1h;
    c.apply({s});
    REQUIRE(c.wait_for_events(1));
    server.reset();
    for (int i = 0; i < 5; ++i)
        CHECK(tested(c, s)->result.reason == "connection refused");
    CHECK(c.subject.snapshot().at(0).health == health::up);
    CHECK(c.subject.snapshot().at(0).last.reason == "connected");

    c.apply({s}, {{{"web", "one"}, health::up, admin_state::halt}});
    REQUIRE(c.wait_for_events(2));
    CHECK(tested(c, s)->result.reason == "connection refused");
    CHECK(c.subject.snapshot().at(0).health == health::unknown);
    CHECK(c.events.size() == 2);
}

TEST_CASE("a test that is under way ends with the checker, without a word", "[trial]") {
    boost::asio::io_context io;
    scripted_server server(io, stay_silent);
    std::optional<checker> subject(std::in_place, io.get_executor());
    auto const s = checked_service(check_of(health_check::kind::http), server.port());
    bool called = false;
    subject->test(s, s.servers[0], [&](check_trial const&) { called = true; });
    REQUIRE(run_until(io, [&] { return server.connections() == 1; }));
    subject.reset();
    run_until(
        io, [&] { return called; }, 30ms);
    CHECK_FALSE(called);
}
