// SPDX-License-Identifier: Apache-2.0
#include "core/http_message.hpp"

#include "core/http_forward.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace balance::core::http;

namespace {

using found = head_finder::outcome;

/// What becomes of a whole head: the status it is refused with, 0 when it is taken, 1 when its lines are malformed.
std::uint16_t verdict(std::string const& head) {
    head_finder finder;
    auto const end = finder.look(head);
    if (end != found::complete)
        return end == found::malformed ? 1 : 2;
    request r;
    return parse(std::string_view(head).substr(finder.begin(), finder.end() - finder.begin()), r);
}

std::string with(std::string const& fields) { return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; }

std::string onward(std::string const& head, std::string_view client = "192.0.2.9") {
    request r;
    REQUIRE(parse(head, r) == 0);
    std::string space(4096, '\0');
    writer out(space);
    write(out, r, {.forwarded_for = client, .close = r.minor == 0});
    REQUIRE_FALSE(out.overflow());
    return space.substr(0, out.size());
}

std::string onward_forwarded(std::string const& head, onward_request const& how) {
    request r;
    REQUIRE(parse(head, r) == 0);
    std::string space(4096, '\0');
    writer out(space);
    write(out, r, how);
    return space.substr(0, out.size());
}

std::string onward_answer(std::string const& head, onward_response const& how) {
    response r;
    REQUIRE(parse(head, false, r));
    std::string space(4096, '\0');
    writer out(space);
    write(out, r, how);
    return space.substr(0, out.size());
}

} // namespace

TEST_CASE("the end of a head is found wherever the bytes are cut") {
    std::string const head = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (std::size_t first = 0; first <= head.size(); ++first) {
        head_finder finder;
        auto const early = finder.look(std::string_view(head).substr(0, first));
        CHECK(early == (first == head.size() ? found::complete : found::incomplete));
        CHECK(finder.look(head + "POST /next") == found::complete);
        CHECK(finder.look(head + "POST /next HTTP/1.1\r\n\r\n") == found::complete);
        CHECK(finder.begin() == 2);
        CHECK(finder.end() == head.size());
    }
}

TEST_CASE("lines that do not end as they must") {
    for (std::string const head : {"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", "\n", "GET /\r HTTP/1.1\r\n\r\n",
                                   "GET / HTTP/1.1\r\nHost: a\r\n\r\rX\n", "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n"}) {
        CAPTURE(head);
        CHECK(verdict(head) == 1);
    }
}

TEST_CASE("requests that are refused") {
    struct { std::string head; std::uint16_t status; } const cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400},                                      // no Host
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},                // two
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
        {"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", 400},                   // whom does it mean?
        {"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET admin HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /admin? HTTP/1.1 /static HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {" / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\r\nHost: a\r\n\r\n", 400},                                    // HTTP/0.9
        {"GET / HTTP/1.32\r\nHost: a\r\n\r\n", 400},
        {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\n", 505},
        {with(":x\r\n"), 400},                                                // no name
        {with("a b: x\r\n"), 400},
        {with("Content-Length : 5\r\n"), 400},
        {with("no colon\r\n"), 400},
        {with("A: x\r\n folded\r\n"), 400},
        {"GET / HTTP/1.1\r\n\tHost: a\r\nHost: a\r\n\r\n", 400},              // folded into the first line
        {with(std::string("A: x\0y\r\n", 8)), 400},
        {with("A: x\x0by\r\n"), 400},
        {with("Content-Length:\r\n"), 400},
        {with("Content-Length:\r\nContent-Length: 5\r\n"), 400},
        {with("Content-Length: 0x10\r\n"), 400},
        {with("Content-Length: +1\r\n"), 400},
        {with("Content-Length: 1_0\r\n"), 400},
        {with("Content-Length: -1\r\n"), 400},
        {with("Content-Length: 5, 6\r\n"), 400},
        {with("Content-Length: 5, 5\r\n"), 400},
        {with("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
        {with("Content-Length: 9999999999999999999\r\n"), 400},
        {with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
        {with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
        {with("Transfer-Encoding: gzip\r\n"), 400},
        {with("Transfer-Encoding: gzip, chunked\r\n"), 400},
        {with("Transfer-Encoding: chunked, gzip\r\n"), 400},
        {with("Transfer-Encoding: ,chunked\r\n"), 400},
        {with("Transfer-Encoding: chunked, chunked\r\n"), 400},
        {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
        {with("Transfer-Encoding: chunked;x\r\n"), 400},
        {with("Transfer-Encoding: \x0b" "chunked\r\n"), 400},
        {with("Transfer-Encoding: \xa0" "chunked\xa0\r\n"), 400},
        {with("Transfer-Encoding:\r\n"), 400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {with("Connection: close, Content-Length\r\nContent-Length: 0\r\n"), 400},
        {with("Connection: a b\r\n"), 400},
        {with("Expect: something\r\n"), 417},
    };
    for (auto const& c : cases) {
        CAPTURE(c.head);
        CHECK(verdict(c.head) == c.status);
    }
    std::string many;
    for (int i = 0; i < 101; ++i)
        many += "A: b\r\n";
    CHECK(verdict(with(many)) == 431);
}

TEST_CASE("requests that are understood") {
    request r;
    REQUIRE(parse("POST /a?b=c HTTP/1.1\r\nhost:  example.org:8080 \r\nContent-Length: 12\r\nConnection: Keep-Alive\r\n\r\n", r) == 0);
    CHECK(r.method == "POST");
    CHECK(r.target == "/a?b=c");
    CHECK(r.host == "example.org:8080");
    CHECK(r.framing == framing::counted);
    CHECK(r.length == 12);
    CHECK(r.keep_alive);
    CHECK_FALSE(r.close);
    REQUIRE(parse("GET http://Example.org HTTP/1.1\r\nHost: example.ORG\r\n\r\n", r) == 0);
    CHECK(r.target == "/");
    CHECK(r.host == "Example.org");
    CHECK(r.framing == framing::none);
    REQUIRE(parse("OPTIONS * HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n", r) == 0);
    REQUIRE(parse("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nExpect: 100-continue\r\n\r\n", r) == 0);
    CHECK(r.framing == framing::chunked);
    CHECK(r.expects_continue);
    REQUIRE(parse("GET / HTTP/1.0\r\n\r\n", r) == 0);
    CHECK(r.minor == 0);
    CHECK(r.host.empty());
}

TEST_CASE("what is passed on of a request") {
    CHECK(onward("GET /x HTTP/1.1\r\nHost: a\r\nAccept:  */*\r\nConnection: keep-alive, X-Hop\r\nx-hop: 1\r\nKeep-Alive: 5\r\nTE: "
                 "trailers\r\nProxy-Connection: close\r\n\r\n") ==
          "GET /x HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n");
    CHECK(onward("GET http://b/x HTTP/1.1\r\nHost: b\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n") ==
          "GET /x HTTP/1.1\r\nHost: b\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n");
    CHECK(onward("GET / HTTP/1.0\r\n\r\n", "") == "GET / HTTP/1.0\r\nConnection: close\r\n\r\n");
    CHECK(onward("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "") ==
          "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    // h2c and an upgrade that Connection does not name stay behind.
    CHECK(onward("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
                 "") == "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(onward("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket, H2C\r\nHTTP2-Settings: x\r\n\r\n", "") ==
          "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // What only we may say, however it is spelled.
    CHECK(onward("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nX_FORWARDED_PROTO: https\r\nx_forwarded-for: 1\r\n"
                 "Forwarded: for=1\r\n\r\n", "") == "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(onward("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", "") == "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST_CASE("our cookie is read and taken out, whatever stands around it") {
    auto const number = [](std::string const& cookies) {
        request r;
        auto const head = with(cookies);
        REQUIRE(parse(head, r) == 0);
        return cookie_number(r.fields, "S");
    };
    CHECK(number("Cookie: S=00000000000000ff\r\n") == 0xff);
    CHECK(number("Cookie: a=b; S=fedcba9876543210;c\r\n") == 0xfedcba9876543210);
    CHECK(number("Cookie: a=b\r\nCookie: ;;S=00000000000000ff; S=1\r\n") == 0xff);
    for (std::string const other : {"", "Cookie: S\r\n", "Cookie: S=ff\r\n", "Cookie: s=00000000000000ff\r\n", "Cookie: XS=00000000000000ff\r\n",
                                    "Cookie: S=00000000000000fg\r\n", "Cookie: S=-0000000000000ff\r\n", "Cookie: ;\r\n"})
        CHECK(number(other) == 0);
    auto const without = [](std::string const& cookies) {
        request r;
        auto const head = with(cookies);
        REQUIRE(parse(head, r) == 0);
        std::string space(1000, '\0');
        writer out(space);
        write(out, r, {.forwarded_for = {}, .close = false, .own_cookie = "S"});
        return space.substr(0, out.size());
    };
    std::string const head = "GET / HTTP/1.1\r\nHost: a\r\n";
    CHECK(without("Cookie: S=x\r\n") == head + "\r\n");
    CHECK(without("Cookie: a=b; S=x; c=d\r\n") == head + "Cookie: a=b; c=d\r\n\r\n");
    CHECK(without("Cookie: S=x;S=y\r\ncookie: SS=x\r\n") == head + "cookie: SS=x\r\n\r\n");
    CHECK(onward_answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {.client_minor = 1, .close = false, .cookie = "S", .cookie_number = 0xff}) ==
          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: S=00000000000000ff; Path=/; HttpOnly; SameSite=Lax\r\n"
          "Cache-Control: private\r\n\r\n");
}

TEST_CASE("Forwarded names the client as RFC 7239 writes it") {
    auto const head = with("Forwarded: for=\"_me, too\"\r\n");
    std::string const before = "GET / HTTP/1.1\r\nHost: a\r\n";
    CHECK(onward_forwarded(head, {.forwarded = "192.0.2.9"}) == before + "Forwarded: for=192.0.2.9;proto=http\r\n\r\n");
    CHECK(onward_forwarded(head, {.forwarded = "2001:db8::9", .keeps_forwarded = true, .secure = true}) ==
          before + "Forwarded: for=\"_me, too\"\r\nForwarded: for=\"[2001:db8::9]\";proto=https\r\nX-Forwarded-Proto: https\r\n\r\n");
    // One with an open quote would swallow ours where fields are joined: it is left out, and others stay.
    auto const torn = with("Forwarded: for=\"203.0.113.1\r\nForwarded: for=_b\r\n");
    CHECK(onward_forwarded(torn, {.forwarded = "192.0.2.9", .keeps_forwarded = true}) ==
          before + "Forwarded: for=_b\r\nForwarded: for=192.0.2.9;proto=http\r\n\r\n");
    CHECK(onward_forwarded(head, {}) == before + "\r\n");
}

TEST_CASE("a head that does not fit is not written in part") {
    request r;
    REQUIRE(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n", r) == 0);
    std::string space(20, '\0');
    writer out(space);
    write(out, r, {});
    CHECK(out.overflow());
}

TEST_CASE("answers: where their bodies end") {
    struct { std::string head; bool to_head; framing ends; bool close; } const good[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, framing::counted, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", false, framing::counted, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, framing::none, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, framing::none, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, framing::chunked, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", false, framing::chunked, true},
        {"HTTP/1.1 200\r\n\r\n", false, framing::to_the_end, false},
        {"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n", false, framing::to_the_end, true},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false, framing::none, false},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, framing::none, false},
        {"HTTP/1.1 100 Continue\r\n\r\n", false, framing::none, false}};
    for (auto const& c : good) {
        CAPTURE(c.head);
        response r;
        REQUIRE(parse(c.head, c.to_head, r));
        CHECK(r.framing == c.ends);
        CHECK(r.close == c.close);
    }
    for (std::string const bad :
         {"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 x\r\n\r\n", "HTTP/1.1 600 x\r\n\r\n", "HTTP/2 200 OK\r\n\r\n",
          "ICY 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
          "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n:x\r\n\r\n",
          "HTTP/1.1 200 OK\x01\r\n\r\n"}) {
        CAPTURE(bad);
        response r;
        CHECK_FALSE(parse(bad, false, r));
    }
}

TEST_CASE("what is passed on of an answer") {
    CHECK(onward_answer("HTTP/1.1 200 Fine\r\nServer: x\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nContent-Length: 5\r\n"
                        "Content-Length: 5\r\n\r\n",
                        {}) == "HTTP/1.1 200 Fine\r\nServer: x\r\nContent-Length: 5\r\n\r\n");
    CHECK(onward_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", {.close = true}) ==
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    CHECK(onward_answer("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", {.client_minor = 0}) ==
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n");
    CHECK(onward_answer("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", {}) == "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(onward_answer("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n", {}) ==
          "HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST_CASE("answers of our own end the connection and say how long they are") {
    auto const whole = own_response(503, false);
    auto const end = whole.find("\r\n\r\n") + 4;
    CHECK(whole.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    CHECK(whole.find("Connection: close\r\n") != whole.npos);
    CHECK(whole.find("Content-Length: " + std::to_string(whole.size() - end) + "\r\n") != whole.npos);
    CHECK(own_response(503, true) == whole.substr(0, end));
}
