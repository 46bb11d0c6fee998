// SPDX-License-Identifier: Apache-2.0
// What mode http does to messages on their way.
#include "proxied_service.hpp"
#include "recording_server.hpp"

#include <catch2/catch.hpp>

using namespace test;

namespace {

using rule = balance::header_rule;

struct policed_service : proxied_service {
    policed_service() : proxied_service({.threads = 1}) {
        service().mode = balance::mode::http;
        add_server("one", one.port());
    }
    balance::http_policy& policy() { return service().http; }

    std::string ask(std::string const& target, std::string const& more = {}, std::string const& method = "GET") {
        apply();
        tcp_client client(port);
        client.send(method + " " + target + " HTTP/1.1\r\nHost: pacs.example\r\nConnection: close\r\n" + more);
        return client.receive_all();
    }

    recording_server one{"one"};
};

std::string const end = "\r\n";

} // namespace

TEST_CASE("requests in clear are sent to https", "[policy]") {
    policed_service p;
    p.policy().redirect_to_https = 308;
    CHECK(p.ask("/a?b", end) ==
          "HTTP/1.1 308 Permanent Redirect\r\nLocation: https://pacs.example/a?b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    p.policy().https_port = 8443;
    CHECK(p.ask("/", "Content-Length: 2\r\n\r\nab", "POST").find("\r\nLocation: https://pacs.example:8443/\r\n") != std::string::npos);
    CHECK(p.ask("*", end, "OPTIONS").starts_with("HTTP/1.1 400 "));
    CHECK(p.one.asked().empty());
}

TEST_CASE("header fields are set, added and removed on both ways", "[policy]") {
    policed_service p;
    p.policy().request_headers = {{rule::kind::set, "X-Site", "first"}, {rule::kind::remove, "x-secret", ""},
                                  {rule::kind::add, "X-Tag", "ours"},   {rule::kind::set, "x-site", "north"},
                                  {rule::kind::set, "Host", "inner"}};
    p.policy().response_headers = {{rule::kind::remove, "Server", ""}, {rule::kind::set, "X-Frame-Options", "DENY"}};
    p.one.answer("HTTP/1.1 200 OK\r\nserver: old/1.0\r\nX-frame-options: ALLOW\r\nContent-Length: 2\r\n\r\nok");
    CHECK(p.ask("/", "X-Site: theirs\r\nX-Secret: 1\r\nX-Tag: theirs\r\n\r\n") ==
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Frame-Options: DENY\r\nConnection: close\r\n\r\nok");
    REQUIRE(p.one.asked().size() == 1);
    CHECK(p.one.asked()[0].head == "GET / HTTP/1.1\r\nX-Tag: theirs\r\nX-Forwarded-For: 127.0.0.1\r\nX-Tag: ours\r\nx-site: north\r\n"
                                   "Host: inner\r\n\r\n");
}

TEST_CASE("what servers hear of the client's address", "[policy]") {
    using forwarded = balance::http_policy::forwarded_for;
    policed_service p;
    struct { forwarded how; char const* said; } const cases[] = {
        {forwarded::append, "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"},
        {forwarded::replace, "Host: pacs.example\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"},
        {forwarded::off, "Host: pacs.example\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n"}};
    for (auto const& c : cases) {
        p.policy().client_address = c.how;
        p.ask("/", "X-Forwarded-For: 192.0.2.7\r\n\r\n");
        CHECK(p.one.asked().back().head.ends_with(c.said));
    }
}

TEST_CASE("what servers hear of the client in Forwarded", "[policy]") {
    using forwarded = balance::http_policy::forwarded;
    policed_service p;
    p.policy().client_address = balance::http_policy::forwarded_for::off;
    struct { forwarded how; char const* said; } const cases[] = {
        {forwarded::append, "Forwarded: for=192.0.2.7;proto=https\r\nForwarded: for=127.0.0.1;proto=http\r\n\r\n"},
        {forwarded::replace, "Host: pacs.example\r\nForwarded: for=127.0.0.1;proto=http\r\n\r\n"},
        {forwarded::off, "Host: pacs.example\r\n\r\n"}};
    for (auto const& c : cases) {
        p.policy().client_forwarded = c.how;
        p.ask("/", "Forwarded: for=192.0.2.7;proto=https\r\n\r\n");
        CHECK(p.one.asked().back().head.ends_with(c.said));
    }
    p.policy().request_headers = {{rule::kind::remove, "forwarded", ""}};
    p.policy().client_forwarded = forwarded::replace;
    p.ask("/", end);
    CHECK(p.one.asked().back().head.ends_with("Host: pacs.example\r\n\r\n"));
}

TEST_CASE("bodies above the maximum are refused, told or not", "[policy]") {
    policed_service p;
    p.policy().max_body = 10;
    CHECK(p.ask("/", "Content-Length: 10\r\n\r\n0123456789", "POST").starts_with("HTTP/1.1 200 "));
    CHECK(p.ask("/", "Content-Length: 11\r\n\r\n0123456789a", "POST").starts_with("HTTP/1.1 413 "));
    CHECK(p.one.asked().size() == 1);
    CHECK(p.ask("/", "Transfer-Encoding: chunked\r\n\r\nc\r\n0123456789ab\r\n0\r\n\r\n", "POST").starts_with("HTTP/1.1 413 "));
    CHECK(p.one.asked().size() == 1);
}

TEST_CASE("routes choose among the servers", "[policy]") {
    policed_service p;
    recording_server two("two");
    p.add_server("two", two.port());
    p.policy().routes = {{"viewer", "", "/viewer", {"two"}}};
    for (int i = 0; i < 4; ++i) {
        CHECK(p.ask("/viewer/" + std::to_string(i), end).ends_with("two"));
        CHECK(p.ask("/", end).ends_with("one"));
    }
    CHECK(p.ask("/viewer/../secret", end).starts_with("HTTP/1.1 400 "));
    p.service().persistence.mode = balance::persistence::kind::http_cookie;
    CHECK(p.ask("/viewer", end).find("Set-Cookie: SERVERID-viewer=") != std::string::npos);
    CHECK(p.ask("/", end).find("Set-Cookie: SERVERID=") != std::string::npos);
    p.state("two").health = balance::health::down;
    CHECK(p.ask("/viewer", end).starts_with("HTTP/1.1 503 "));
    CHECK(p.ask("/", end).ends_with("one"));
    p.state("one").health = balance::health::down;
    p.state("two").health = balance::health::up;
    CHECK(p.ask("/", end).starts_with("HTTP/1.1 503 ")); // no route, and a server that routes name
}
