// SPDX-License-Identifier: Apache-2.0
// Persistence by what the application gives its clients, and by what trusted relays say of them.
#include "proxied_service.hpp"
#include "recording_server.hpp"

#include <balance/text.hpp>

#include <catch2/catch.hpp>

#include <mutex>

using namespace test;

namespace {

struct application : proxied_service {
    application() : proxied_service({.threads = 1}) {
        service().mode = balance::mode::http;
        add_server("one", one.port());
        add_server("two", two.port());
        subject.on_persistence([this](std::span<balance::persistence_entry const> entries) {
            std::lock_guard const lock(mutex);
            told.insert(told.end(), entries.begin(), entries.end());
        });
    }
    void use_cookie() {
        service().persistence = {balance::persistence::kind::app_cookie, std::chrono::seconds(300), {}, "JSESSIONID"};
        apply();
    }
    /// The server that answered.
    std::string ask(std::string const& fields = {}, std::string const& path = "/") {
        tcp_client client(port);
        client.send("GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + fields + "\r\n");
        auto const answer = client.receive_all();
        return answer.size() < 3 ? answer : answer.substr(answer.size() - 3);
    }

    recording_server one{"one"};
    recording_server two{"two"};
    std::mutex mutex;
    std::vector<balance::persistence_entry> told;
};

std::string with_session(std::string const& body, std::string const& cookie) {
    return "HTTP/1.1 200 OK\r\nSet-Cookie: other=1\r\nset-cookie: " + cookie + "; Path=/; HttpOnly\r\nContent-Length: 3\r\n\r\n" + body;
}

} // namespace

TEST_CASE("a session that a server gave leads back to it", "[session_cookie]") {
    application p;
    p.use_cookie();
    p.one.answer(with_session("one", "JSESSIONID=from-one"));
    p.two.answer(with_session("two", "JSESSIONID=from-two"));
    CHECK(p.ask() == "one");
    CHECK(p.ask() == "two");
    for (int i = 0; i < 3; ++i) {
        CHECK(p.ask("Cookie: a=b; JSESSIONID=from-one\r\n") == "one");
        CHECK(p.ask("Cookie: JSESSIONID=from-two; a=b\r\n") == "two");
    }
    auto const table = p.subject.persistence_snapshot();
    CHECK(table.size() == 2);
    for (auto const& e : table)
        CHECK(e.client.to_string().starts_with("2001:db8:"));
    std::lock_guard const lock(p.mutex);
    CHECK(p.told.size() == 2); // the peer hears of each once
}

TEST_CASE("a session that nobody gave leads nowhere and is not remembered", "[session_cookie]") {
    application p;
    p.use_cookie();
    std::string served;
    for (int i = 0; i < 4; ++i)
        served += p.ask("Cookie: JSESSIONID=made-up\r\n");
    CHECK(served == "onetwoonetwo");
    CHECK(p.subject.persistence_snapshot().empty());
}

TEST_CASE("a session whose server is gone goes to another one for good", "[session_cookie]") {
    application p;
    p.use_cookie();
    p.one.answer(with_session("one", "JSESSIONID=s"));
    CHECK(p.ask() == "one");
    p.state("one").health = balance::health::down;
    p.apply();
    CHECK(p.ask("Cookie: JSESSIONID=s\r\n") == "two");
    p.state("one").health = balance::health::up;
    p.apply();
    for (int i = 0; i < 3; ++i)
        CHECK(p.ask("Cookie: JSESSIONID=s\r\n") == "two");
}

TEST_CASE("a request that a route leads elsewhere takes no session with it", "[session_cookie]") {
    application p;
    p.add_server("one as well", p.one.port());
    p.service().http.routes = {{"images", "", "/images", {"two"}}};
    p.use_cookie();
    p.one.answer(with_session("one", "JSESSIONID=s"));
    CHECK(p.ask() == "one");
    auto const remembered = p.subject.persistence_snapshot();
    REQUIRE(remembered.size() == 1);
    CHECK(p.ask("Cookie: JSESSIONID=s\r\n", "/images/1") == "two");
    auto const after = p.subject.persistence_snapshot();
    REQUIRE(after.size() == 1);
    CHECK(after[0].server == remembered[0].server);
    p.state("two").health = balance::health::down; // no server of the route is well: the session stays where it is, too
    p.apply();
    p.ask("Cookie: JSESSIONID=s\r\n", "/images/1");
    CHECK(p.subject.persistence_snapshot().at(0).server == remembered[0].server);
}

TEST_CASE("both nodes know a session by the same number", "[session_cookie]") {
    application here;
    here.use_cookie();
    here.one.answer(with_session("one", "JSESSIONID=s"));
    CHECK(here.ask() == "one");
    application there;
    there.use_cookie();
    there.subject.merge(here.subject.persistence_snapshot());
    for (int i = 0; i < 3; ++i)
        CHECK(there.ask("Cookie: JSESSIONID=s\r\n") == "one");
}

TEST_CASE("behind trusted relays persistence goes by X-Forwarded-For", "[session_cookie]") {
    application p;
    p.service().persistence.mode = balance::persistence::kind::source_ip;
    p.service().http.trusted_relays = {balance::parse_subnet("127.0.0.1").value()};
    p.apply();
    CHECK(p.ask("X-Forwarded-For: 192.0.2.1\r\n") == "one");
    CHECK(p.ask("X-Forwarded-For: 192.0.2.2\r\n") == "two");
    for (int i = 0; i < 3; ++i) {
        CHECK(p.ask("X-Forwarded-For: 203.0.113.1, 192.0.2.1\r\n") == "one");
        CHECK(p.ask("X-Forwarded-For: 192.0.2.2\r\n") == "two");
    }
    CHECK(p.one.asked().back().head.find("X-Forwarded-For: 203.0.113.1, 192.0.2.1\r\nX-Forwarded-For: 127.0.0.1\r\n") != std::string::npos);
    tcp_client kept(p.port); // the relay's own connection, over the change
    auto const through = [&kept](std::string const& client) {
        kept.send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + client + "\r\n\r\n");
        return kept.receive(http_answer("one").size());
    };
    CHECK(through("192.0.2.1") == http_answer("one"));
    CHECK(through("192.0.2.2") == http_answer("two"));
    p.service().http.trusted_relays.clear();
    p.apply();
    auto const by_connection = through("192.0.2.1");
    CHECK(through("192.0.2.2") == by_connection);
    for (auto const& e : p.subject.persistence_snapshot()) {
        if (e.client.is_loopback()) {
            CHECK(by_connection == http_answer(e.server));
        }
    }
    CHECK(p.subject.persistence_snapshot().size() == 3); // the two clients, and the relay as itself
    auto const served = p.ask("X-Forwarded-For: 192.0.2.1\r\n");
    CHECK(p.ask("X-Forwarded-For: 192.0.2.2\r\n") == served);
}

TEST_CASE("a server whose time to drain is over loses what it still has", "[session_cookie]") {
    proxied_service p({.threads = 1});
    threaded_server one(greet_and_echo("one"));
    p.add_server("one", one.port());
    p.apply();
    tcp_client client(p.port);
    CHECK(client.receive_line() == "one");
    p.state("one").admin = balance::admin_state::drain;
    p.apply();
    client.send("x");
    CHECK(client.receive(1) == "x");
    p.state("one").cut = true;
    p.apply();
    CHECK(client.receive(1).empty());
    p.state("one").admin = balance::admin_state::online;
    p.state("one").cut = false;
    p.apply();
    CHECK(p.who_serves() == "one");
}
