// SPDX-License-Identifier: Apache-2.0
#include "core/http_head.hpp"

#include <catch2/catch.hpp>

using balance::core::http_response;
using progress = http_response::progress;

namespace {

http_response read(std::string_view bytes, std::size_t piece = std::string_view::npos, bool closed = false,
                   http_response::limits l = {}, bool head_request = false) {
    http_response r(l, head_request);
    for (std::size_t at = 0; at < bytes.size(); at += std::min(piece, bytes.size() - at))
        r.feed(bytes.substr(at, piece));
    if (closed)
        r.finish();
    return r;
}

} // namespace

TEST_CASE("responses are the same however they arrive", "[http]") {
    struct example {
        char const* bytes;
        bool closed;
        std::uint16_t status;
        char const* body;
    };
    auto const e = GENERATE(values<example>({
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloEXTRA", false, 200, "hello"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, ""},
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", true, 200, "until the end"},
        {"HTTP/1.1 200\r\ncontent-length:2\r\n\r\nok", false, 200, "ok"},
        {"HTTP/1.1 200 \r\nCONTENT-LENGTH:\t2 \r\n\r\nok", false, 200, "ok"},
        {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", false, 200, "ok"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2, 2\r\n\r\nok", false, 200, "ok"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", false, 200,
         "hello world"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\nA \r\n0123456789\r\n000\r\nTrailer: x\r\n\r\n",
         false, 200, "0123456789"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 999\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", false, 200,
         "x"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nall of it", true, 200, "all of it"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nContent-Length: 4\r\n\r\nHTTP/1.1 204 None\r\n\r\n", false,
         204, ""},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", false, 304, ""},
        {"HTTP/1.1 500 Oops\r\nX: y\r\n folded: Content-Length\r\nno colon here\r\n\r\nbad", true, 500, "bad"},
    }));
    CAPTURE(e.bytes);
    for (std::size_t const piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::string_view::npos}) {
        auto const r = read(e.bytes, piece, e.closed);
        CHECK(r.fault() == "");
        REQUIRE(r.state() == progress::complete);
        CHECK(r.status() == e.status);
        CHECK(r.body() == e.body);
    }
}

TEST_CASE("what is no answer is named", "[http]") {
    struct example {
        char const* bytes;
        char const* fault;
    };
    auto const e = GENERATE(values<example>({
        {"", "the connection was closed without an answer"},
        {"HTTP/1.1 20", "the connection was closed within the head of the answer"},
        {"HTTP/1.1 200 OK\r\nX: y\r\n", "the connection was closed within the head of the answer"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "the connection was closed within the body of the answer"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
         "the connection was closed within the body of the answer"},
        {"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP/1: it starts with \"SSH-2.0-OpenSSH_9.2\""},
        {"HTTP/2.0 200 OK\r\n", "the answer is not HTTP/1: it starts with \"HTTP/2.0 200 OK\""},
        {"HTTP/1.1 2000 OK\r\n", "the answer is not HTTP/1: it starts with \"HTTP/1.1 2000 OK\""},
        {"HTTP/1.1 99 OK\r\n", "the answer is not HTTP/1: it starts with \"HTTP/1.1 99 OK\""},
        {"HTTP/1.1 099 OK\r\n", "the answer is not HTTP/1: it starts with \"HTTP/1.1 099 OK\""},
        {"HTTP/1.1 -20 OK\r\n", "the answer is not HTTP/1: it starts with \"HTTP/1.1 -20 OK\""},
        {"HTTP/1.x 200 OK\r\n", "the answer is not HTTP/1: it starts with \"HTTP/1.x 200 OK\""},
        {"HTTP/1.1 600 OK\r\n", "the answer is not HTTP/1: it starts with \"HTTP/1.1 600 OK\""},
        {"HTTP/1.1 101 Switching\r\n\r\n", "status 101: the server switched to another protocol"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", "the answer's Content-Length is not one number: \"5, 6\""},
        {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", "the answer's Content-Length is not one number: \"\""},
        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "the answer's Content-Length is not one number: \"-1\""},
        {"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", "the answer's Content-Length is not one number: \"+1\""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n", "the answer's Content-Length is not one number: \"0x10\""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
         "the answer's Content-Length is not one number: \"99999999999999999999\""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
         "the answer's Content-Length is not one number: \"2\""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
         "a chunk size of the answer is not a number: \"xyz\""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
         "a chunk size of the answer is not a number: \"\""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
         "a chunk size of the answer is not a number: \"-1\""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
         "a chunk size of the answer is not a number: \"10000000000000000\""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n",
         "a chunk of the answer is longer than it says"},
    }));
    for (std::size_t const piece : {std::size_t{1}, std::string_view::npos}) {
        auto const r = read(e.bytes, piece, true);
        CHECK(r.state() == progress::failed);
        CHECK(r.fault() == e.fault);
    }
}

TEST_CASE("what follows a fault or the end is ignored", "[http]") {
    auto r = read("nonsense\r\n");
    CHECK(r.feed("HTTP/1.1 200 OK\r\n\r\n") == progress::failed);
    CHECK(r.finish() == progress::failed);
    CHECK(r.status() == 0);
    auto done = read("HTTP/1.1 204 OK\r\n\r\n");
    CHECK(done.feed("HTTP/1.1 500 Oops\r\n\r\n") == progress::complete);
    CHECK(done.status() == 204);
}

TEST_CASE("an endless status line, head, interim answer or trailer ends at the limit", "[http]") {
    http_response::limits const small{.head = 1000, .body = 100};
    std::string const filler(200, 'x');
    auto const endless = [&](std::string const& start, std::string const& again) {
        http_response r(small, false);
        r.feed(start);
        int fed = 0;
        while (r.state() < progress::complete && ++fed < 2000)
            r.feed(again);
        CHECK(fed < 2000);
        return std::string(r.fault());
    };
    CHECK(endless("HTTP/1.1 200 ", filler) == "the head of the answer is longer than 1000 bytes");
    CHECK(endless("", filler) == "the head of the answer is longer than 1000 bytes");
    CHECK(endless("HTTP/1.1 200 OK\r\n", "X: y\r\n") == "the head of the answer is longer than 1000 bytes");
    CHECK(endless("", "HTTP/1.1 100 Continue\r\n\r\n") == "the head of the answer is longer than 1000 bytes");
    std::string const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    CHECK(endless(chunked, "0") == "the chunk framing of the answer never ends");
    CHECK(endless(chunked + "1;", filler) == "the chunk framing of the answer never ends");
    CHECK(endless(chunked + "0\r\n", "X: y\r\n") == "the chunk framing of the answer never ends");
    CHECK(endless(chunked, "1\r\nx\r\n").empty()); // ends at the body's limit
}

TEST_CASE("no more of a body is kept than the limit", "[http]") {
    http_response::limits const small{.head = 1000, .body = 10};
    for (auto const* framing : {"Content-Length: 11\r\n\r\n", "\r\n", "Transfer-Encoding: chunked\r\n\r\nb\r\n"}) {
        auto const r = read(std::string("HTTP/1.1 200 OK\r\n") + framing + "01234567890", 3, false, small);
        CHECK(r.state() == progress::truncated);
        CHECK(r.body() == "0123456789");
    }
    CHECK(read("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", 3, false, small).state() ==
          progress::complete);
    auto const open = read("HTTP/1.1 200 OK\r\n\r\n0123456789", 3, true, small);
    CHECK(open.state() == progress::complete);
}

TEST_CASE("the answer to HEAD has no body whatever it says", "[http]") {
    auto const r = read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 1, false, {}, true);
    CHECK(r.state() == progress::complete);
    CHECK(r.body().empty());
}

TEST_CASE("a redirect says where to", "[http]") {
    auto const r = read("HTTP/1.1 302 Found\r\nLocation:  https://x/y \r\nContent-Length: 0\r\n\r\n");
    CHECK(r.location() == "https://x/y");
    CHECK(r.reason() == "Found");
    CHECK(read("HTTP/1.1 302 Found\r\nLocation: " + std::string(5000, 'x') + "\r\n\r\n").location().size() == 200);
}
