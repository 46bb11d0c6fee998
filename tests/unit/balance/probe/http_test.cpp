// SPDX-License-Identifier: Apache-2.0
#include "support/temporary_directory.hpp"
#include "support/tls_server.hpp"
#include "watched_checker.hpp"

#include <catch2/catch.hpp>

#include <sys/resource.h>

#include <cstdlib>
#include <fstream>
#include <optional>

using namespace balance;
using namespace test;
using namespace std::chrono_literals;

namespace {

expectation equals(std::string text) {
    expectation e;
    e.equals = std::move(text);
    return e;
}

expectation contains(std::string text) {
    expectation e;
    e.contains = std::move(text);
    return e;
}

expectation regex(std::string text) {
    expectation e;
    e.regex = std::move(text);
    return e;
}

expectation status(std::uint16_t code) {
    expectation e;
    e.status = {{code, code}};
    return e;
}

/// The result of one check against a server that behaves so. The check expects "good" as the body unless told
/// otherwise.
check_result verdict_on(scripted_server::behaviour b, health_check::kind type = health_check::kind::http,
                        std::chrono::milliseconds timeout = 5s, expectation e = equals("good")) {
    watched_checker c;
    scripted_server server(c.io, std::move(b));
    auto check = check_of(type);
    check.timeout = timeout;
    check.expect = std::move(e);
    c.apply({checked_service(check, server.port())});
    return c.result();
}

long peak_memory_kb() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;
}

} // namespace

TEST_CASE("an http check says what it asked for and compares the body", "[checker]") {
    watched_checker c;
    std::string request;
    scripted_server server(c.io, reply(http_answer("allServicesOperative\r\n"), &request));
    auto check = check_of(health_check::kind::http);
    check.request = "/ea/health?deep=1";
    check.expect.equals = "allServicesOperative";
    c.apply({checked_service(check, server.port())});
    auto const good = c.result();
    CHECK(good.success);
    CHECK(good.reason == "200 OK, body as expected");
    CHECK(request == "GET /ea/health?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                         "\r\nUser-Agent: dyad\r\nAccept: */*\r\nConnection: close\r\n\r\n");

    server.answer(reply(http_answer("oneServiceFailed")));
    REQUIRE(c.wait_for_events(2));
    CHECK_FALSE(c.events[1].last.success);
    CHECK(c.events[1].last.reason == "body is not \"allServicesOperative\" but \"oneServiceFailed\"");
}

TEST_CASE("host, method and a path without its slash", "[checker]") {
    watched_checker c;
    std::string request;
    scripted_server server(c.io, reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", &request));
    auto check = check_of(health_check::kind::http);
    check.request = "index.html";
    check.host = "pacs.example";
    check.method = "HEAD";
    c.apply({checked_service(check, server.port())});
    CHECK(c.result().reason == "200 OK");
    CHECK(request.starts_with("HEAD /index.html HTTP/1.1\r\nHost: pacs.example\r\n"));
}

TEST_CASE("answers that are up", "[checker]") {
    CHECK(verdict_on(reply(http_answer("good \t\r\n\n"))).success);
    CHECK(verdict_on(reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ngo\r\n2\r\nod\r\n0\r\n\r\n"))
              .success);
    CHECK(verdict_on(reply("HTTP/1.0 200 OK\r\n\r\ngood")).success);
    CHECK(verdict_on(reply(http_answer("", "302 Found")), health_check::kind::http, 5s, {}).success);
    CHECK(verdict_on(reply(http_answer("all is good here")), health_check::kind::http, 5s, contains("good")).success);
    CHECK(verdict_on(reply(http_answer("a\nload=17%\nb")), health_check::kind::http, 5s, regex("load=[0-9]{1,2}%"))
              .success);
    CHECK(verdict_on(reply(http_answer("gone", "404 Not Found")), health_check::kind::http, 5s, status(404)).success);
}

TEST_CASE("answers that are down, and why", "[checker]") {
    struct example {
        char const* answer;
        expectation expect;
        char const* reason;
    };
    std::vector<example> const examples{
        {"HTTP/1.1 500 Internal Server Error\r\n\r\n", {}, "status 500 Internal Server Error"},
        {"HTTP/1.1 404 Not Found\r\n\r\n", equals("good"), "status 404 Not Found"},
        {"HTTP/1.1 200 OK\r\n\r\n", status(204), "status 200 OK instead of 204"},
        {"HTTP/1.1 200 OK\r\n\r\n", equals("good"), "body is not \"good\" but \"\""},
        {"HTTP/1.1 200 OK\r\n\r\nGOOD", equals("good"), "body is not \"good\" but \"GOOD\""},
        {"HTTP/1.1 200 OK\r\n\r\n good", equals("good"), "body is not \"good\" but \" good\""},
        {"HTTP/1.1 200 OK\r\n\r\na\x01\xff\nb", equals("good"), "body is not \"good\" but \"a...b\""},
        {"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", equals("good"),
         "body is not \"good\" but \"\", status 302 to \"/login\""},
        {"HTTP/1.1 200 OK\r\n\r\nbad", contains("good"), "body does not contain \"good\" but starts with \"bad\""},
        {"HTTP/1.1 200 OK\r\n\r\nbad", regex("g..d"), "body does not match \"g..d\" but starts with \"bad\""},
        {"HTTP/1.1 200 OK\r\n\r\nbad", regex("(g"), "the regular expression \"(g\" is not valid: missing ): (g"},
        {"SSH-2.0-OpenSSH_9.2p1\r\n", {}, "the answer is not HTTP/1: it starts with \"SSH-2.0-OpenSSH_9.2p1\""},
        {"", {}, "the connection was closed without an answer"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ngood", equals("good"),
         "the connection was closed within the body of the answer"},
    };
    for (auto const& e : examples) {
        auto const r = verdict_on(reply(e.answer), health_check::kind::http, 5s, e.expect);
        CHECK_FALSE(r.success);
        CHECK(r.reason == e.reason);
    }
}

TEST_CASE("a long body is quoted in part, on one line of at most 200 characters", "[checker]") {
    auto const r = verdict_on(reply(http_answer(std::string(5000, 'x'))));
    CHECK(r.reason == "body is not \"good\" but \"" + std::string(60, 'x') + "…\"");
    auto const redirect = verdict_on(
        reply("HTTP/1.1 302 Found\r\nLocation: " + std::string(500, 'y') + "\r\n\r\n" + std::string(90, 'z')),
        health_check::kind::http, 5s, equals(std::string(100, 'e')));
    CHECK(redirect.reason.size() <= 200);
    CHECK(redirect.reason.ends_with("…"));
}

TEST_CASE("servers that never come to an end are down in time", "[checker]") {
    std::string const head = "HTTP/1.1 200 OK\r\n";
    CHECK(verdict_on(stay_silent, health_check::kind::http, 50ms).reason == "no answer within 50 ms");
    CHECK(verdict_on(keep_writing("", "H", 20ms), health_check::kind::http, 70ms).reason ==
          "no complete answer within 70 ms");
    CHECK(verdict_on(keep_writing(head, "X", 20ms), health_check::kind::http, 70ms).reason ==
          "no complete answer within 70 ms");
    CHECK(verdict_on(keep_writing(head + "\r\n", "g", 20ms), health_check::kind::http, 70ms).reason ==
          "no complete answer within 70 ms");
    CHECK(verdict_on(keep_writing(head, "X-Filler: filling\r\n", 0ms)).reason ==
          "the head of the answer is longer than 16384 bytes");
    CHECK(verdict_on(keep_writing("HTTP/1.1 200 ", std::string(500, 'x'), 0ms)).reason ==
          "the head of the answer is longer than 16384 bytes");
    CHECK(verdict_on(keep_writing("", "HTTP/1.1 100 Continue\r\n\r\n", 0ms)).reason ==
          "the head of the answer is longer than 16384 bytes");
    CHECK(verdict_on(keep_writing(head + "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n", 0ms)).reason ==
          "the chunk framing of the answer never ends");
}

TEST_CASE("a body of a gigabyte is not read to its end nor kept", "[checker]") {
    std::string const head = "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
    std::string const piece(65536, 'x');
    auto const before = peak_memory_kb();
    CHECK(verdict_on(keep_writing(head, piece, 0ms)).reason == "body is longer than 65536 bytes, not \"good\"");
    CHECK(verdict_on(keep_writing(head, piece, 0ms), health_check::kind::http, 5s, contains("good")).reason ==
          "body does not contain \"good\" in its first 65536 bytes but starts with \"" + std::string(60, 'x') + "…\"");
    CHECK(verdict_on(keep_writing(head + "good", piece, 0ms), health_check::kind::http, 5s, contains("good")).success);
    CHECK(verdict_on(keep_writing(head, piece, 0ms), health_check::kind::http, 5s, {}).success);
    CHECK(peak_memory_kb() - before < 20'000);
}

TEST_CASE("an https check speaks TLS and says for whom it comes", "[checker]") {
    certificate const cert("pacs.example");
    boost::asio::ssl::context tls(boost::asio::ssl::context::tls_server);
    cert.use_in(tls);
    watched_checker c;
    std::string request;
    std::string server_name;
    scripted_server server(c.io, reply_over_tls(tls, http_answer("good"), &request, &server_name));
    auto check = check_of(health_check::kind::https);
    check.expect.equals = "good";
    SECTION("with a host name") {
        check.host = "pacs.example";
        c.apply({checked_service(check, server.port())});
        CHECK(c.result().reason == "200 OK, body as expected");
        CHECK(server_name == "pacs.example");
        CHECK(request.find("\r\nHost: pacs.example\r\n") != std::string::npos);
    }
    SECTION("without") {
        c.apply({checked_service(check, server.port())});
        CHECK(c.result().reason == "200 OK, body as expected");
        CHECK(server_name.empty());
    }
    SECTION("with verification, and a certificate nobody vouches for") {
        check.host = "pacs.example";
        check.verify = true;
        c.apply({checked_service(check, server.port())});
        CHECK(c.result().reason == "the certificate is not accepted: self-signed certificate");
    }
    SECTION("with verification, and a certificate of the system's store") {
        temporary_directory dir;
        auto const file = dir.path() / "store.pem";
        std::ofstream(file) << cert.pem();
        ::setenv("SSL_CERT_FILE", file.c_str(), 1);
        check.verify = true;
        check.host = "pacs.example";
        c.apply({checked_service(check, server.port())});
        CHECK(c.result().reason == "200 OK, body as expected");
        check.host = "other.example";
        c.events.clear();
        c.apply({checked_service(check, server.port())});
        CHECK(c.result().reason == "the certificate is not accepted: hostname mismatch");
        ::unsetenv("SSL_CERT_FILE");
    }
}

TEST_CASE("a TLS version of long ago will do where nothing is verified", "[checker]") {
    certificate const cert("old.example");
    boost::asio::ssl::context tls(boost::asio::ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(tls.native_handle(), TLS1_VERSION);
    SSL_CTX_set_cipher_list(tls.native_handle(), "ALL:@SECLEVEL=0");
    cert.use_in(tls);
    CHECK(verdict_on(reply_over_tls(tls, http_answer("good")), health_check::kind::https).reason ==
          "200 OK, body as expected");
}

TEST_CASE("servers that cannot speak TLS are down, and why", "[checker]") {
    auto const https = health_check::kind::https;
    CHECK(verdict_on(keep_writing("", "garbage!", 0ms), https, 100ms).reason ==
          "no TLS handshake within 100 ms"); // waits for CRLF CRLF
    auto const shout = [](std::string text) {
        return [text = std::move(text)](tcp::socket& s) -> boost::asio::awaitable<void> {
            co_await boost::asio::async_write(s, boost::asio::buffer(text), no_throw);
        };
    };
    CHECK(verdict_on(shout("HTTP/1.1 400 Bad Request\r\n\r\n"), https).reason ==
          "TLS handshake failed: wrong version number");
    CHECK(verdict_on(shout(std::string(100'000, '\x17')), https).reason.starts_with("TLS handshake failed: "));
    std::string const handshake_failure("\x15\x03\x01\x00\x02\x02\x28", 7); // RFC 8446 §6
    CHECK(verdict_on(shout(handshake_failure), https).reason == "TLS handshake failed: sslv3 alert handshake failure");
    CHECK(verdict_on(stay_silent, https, 50ms).reason == "no TLS handshake within 50 ms");
    // Whether our first message had arrived when it closed decides between an end and a reset.
    CHECK_THAT(verdict_on(hang_up, https).reason,
               Catch::Equals("TLS handshake failed: the server closed the connection") ||
                   Catch::Equals("TLS handshake failed: connection reset by peer"));
}

TEST_CASE("headers and basic authentication", "[checker]") {
    watched_checker c;
    std::string request;
    scripted_server server(c.io, reply(http_answer("good"), &request));
    auto check = check_of(health_check::kind::http);
    check.headers = {{"X-Probe", "dyad"}, {"user-agent", "mine"}, {"X-Api-Key", "geheim1"}};
    check.user = "monitor";
    check.password = "geheim2:x";
    auto const s = checked_service(check, server.port());
    c.apply({s});
    CHECK(c.result().success);
    CHECK(request == "GET / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                         "\r\nX-Probe: dyad\r\nuser-agent: mine\r\nX-Api-Key: geheim1\r\n"
                         "Authorization: Basic bW9uaXRvcjpnZWhlaW0yOng=\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    // What an operator gets to see has no secret in it.
    std::optional<check_trial> tested;
    c.subject.test(s, s.servers[0], [&](check_trial t) { tested = std::move(t); });
    REQUIRE(run_until(c.io, [&] { return tested.has_value(); }));
    auto const& shown = tested->steps.at(1).sent;
    CHECK(shown.find("X-Probe: dyad") != shown.npos);
    CHECK(shown.find("Authorization: Basic (hidden)") != shown.npos);
    CHECK(shown.find("X-Api-Key: (hidden)") != shown.npos);
    CHECK(shown.find("geheim") == shown.npos);
    CHECK(shown.find("bW9u") == shown.npos);
}

TEST_CASE("classes and lists of statuses, and JSON", "[checker]") {
    auto const among = [](std::vector<status_range> list) {
        expectation e;
        e.status = std::move(list);
        return e;
    };
    auto const http = health_check::kind::http;
    auto const gone = reply(http_answer("", "404 Not Found"));
    CHECK(verdict_on(gone, http, 5s, among({{400, 499}})).success);
    CHECK(verdict_on(gone, http, 5s, among({{200, 200}, {404, 404}})).success);
    CHECK(verdict_on(gone, http, 5s, among({{200, 299}, {301, 301}, {405, 410}})).reason ==
          "status 404 Not Found instead of 2xx, 301, 405-410");
    expectation json;
    json.json = {{"/status", "\"UP\""}};
    CHECK(verdict_on(reply(http_answer(R"({"status":"UP"})")), http, 5s, json).success);
    CHECK(verdict_on(reply(http_answer(R"({"status":"OUT"})")), http, 5s, json).reason == "\"/status\" is \"OUT\", not \"UP\"");
    CHECK(verdict_on(reply(http_answer(std::string(70000, '1'))), http, 5s, json).reason ==
          "body is longer than 65536 bytes, too long to look for JSON in it");
}

TEST_CASE("a tls check makes a handshake and looks at the certificate's end", "[checker]") {
    boost::asio::ssl::context context(boost::asio::ssl::context::tls_server);
    certificate const known("pacs.example"); // for an hour
    known.use_in(context);
    auto check = check_of(health_check::kind::tls);
    auto const result = [&](scripted_server::behaviour b) {
        watched_checker c;
        scripted_server server(c.io, std::move(b));
        c.apply({checked_service(check, server.port())});
        return c.result();
    };
    auto const serve = reply_over_tls(context, "");
    auto const fine = result(serve);
    CHECK(fine.success);
    CHECK(fine.reason.starts_with("TLSv1.3, TLS_"));
    CHECK(fine.reason.find("certificate of /CN=pacs.example until 20") != std::string::npos);
    CHECK(result(greet_and_echo("HTTP/1.1 400 Bad")).reason.starts_with("TLS handshake failed: "));
    check.warn_days = 1;
    auto const warned = result(serve);
    CHECK(warned.success);
    CHECK(warned.reason.ends_with("; warning: the certificate ends in 0 days"));
    check.min_days = 1;
    auto const ended = result(serve);
    CHECK_FALSE(ended.success);
    CHECK(ended.reason == "the certificate ends in 0 days; min_days is 1");
    check.type = health_check::kind::https;
    CHECK(result(reply_over_tls(context, http_answer("good"))).reason == "the certificate ends in 0 days; min_days is 1");
    check.min_days = 0;
    CHECK(result(reply_over_tls(context, http_answer("good"))).reason == "200 OK; warning: the certificate ends in 0 days");
}
