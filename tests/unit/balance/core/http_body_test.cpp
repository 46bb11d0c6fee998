// SPDX-License-Identifier: Apache-2.0
#include "core/http_body.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace balance::core::http;

namespace {

message_facts chunked() {
    message_facts m;
    m.framing = framing::chunked;
    return m;
}

struct body_outcome {
    bool complete;
    bool failed;
    std::size_t taken;
    bool operator==(body_outcome const&) const = default;
};

/// Read as a whole, or a byte at a time.
body_outcome read_chunked(std::string_view bytes, std::size_t piece) {
    body_reader reader;
    reader.start(chunked());
    std::size_t taken = 0;
    while (taken < bytes.size() && !reader.complete() && !reader.failed())
        taken += reader.take(bytes.substr(taken, piece));
    return {reader.complete(), reader.failed(), taken};
}

} // namespace

TEST_CASE("bodies of a known length, of none and to the end of the connection") {
    body_reader reader;
    message_facts m;
    reader.start(m);
    CHECK(reader.complete());
    CHECK(reader.take("next") == 0);
    m.framing = framing::counted;
    m.length = 5;
    reader.start(m);
    CHECK(reader.take("abc") == 3);
    CHECK_FALSE(reader.complete());
    CHECK(reader.take("deGET /") == 2);
    CHECK(reader.complete());
    m.framing = framing::to_the_end;
    reader.start(m);
    CHECK(reader.take("anything") == 8);
    CHECK_FALSE(reader.complete());
    CHECK(reader.ends_with_connection());
}

TEST_CASE("chunked bodies end where they say") {
    for (std::string const body : {"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "5;a=b\r\nhello\r\n0\r\n\r\n", "00005\r\nhello\r\n000\r\n\r\n",
                                   "A\r\n0123456789\r\n0\r\n\r\n", "a\r\n0123456789\r\n0\r\nX-Sum: 1\r\nOther:\r\n\r\n"}) {
        CAPTURE(body);
        for (std::size_t const piece : {std::size_t{1}, std::size_t{3}, body.size() + 10}) {
            CHECK(read_chunked(body, piece) == body_outcome{true, false, body.size()});
            CHECK(read_chunked(body + "GET / HTTP/1.1\r\n", piece) == body_outcome{true, false, body.size()});
        }
    }
}

TEST_CASE("chunked bodies that two readers could take for different ones are refused") {
    for (std::string const body :
         {"\r\n", "0x5\r\nhello\r\n", "-0\r\n\r\n", "+5\r\nhello\r\n", "5 \r\nhello\r\n", " 5\r\nhello\r\n", "0_2e\r\n", "1zz\r\n", ";\r\n",
          "12345678901234567\r\n", "ffffffffffffffff\r\n", "2\r\r;a\r\n", "5\nhello\n0\n\n", "5\r\nhello\n0\r\n\r\n",
          "5\r\nhello\r0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5;a\nb\r\nhello\r\n", "5;a\rb\r\nhello\r\n", "0\r\n\n",
          "0\r\nContent-Length: 5\r\n\r\n", "0\r\ntransfer-encoding: chunked\r\n\r\n", "0\r\nHost: b\r\n\r\n",
          "0\r\nX-Forwarded-For: 1\r\n\r\n", "0\r\nno colon\r\n\r\n", "0\r\n folded\r\n\r\n", "0\r\n: x\r\n\r\n", "0\r\nA: \x01\r\n\r\n",
          "0\r\nA : b\r\n\r\n"}) {
        CAPTURE(body);
        for (std::size_t const piece : {std::size_t{1}, body.size()}) {
            auto const got = read_chunked(body, piece);
            CHECK(got.failed);
            CHECK_FALSE(got.complete);
        }
    }
}

TEST_CASE("extensions and trailers without end are refused") {
    CHECK(read_chunked("5;" + std::string(body_reader::most_extension, 'a') + "\r\nhello\r\n0\r\n\r\n", 7).complete);
    CHECK(read_chunked("5;" + std::string(body_reader::most_extension + 1, 'a') + "\r\nhello\r\n0\r\n\r\n", 7).failed);
    std::string trailers;
    while (trailers.size() < body_reader::most_trailer + 500)
        trailers += "X-Some: thing\r\n";
    CHECK(read_chunked("0\r\n" + trailers + "\r\n", 100).failed);
    CHECK(read_chunked("0\r\n" + std::string(body_reader::most_trailer + 1, 'n') + ": x\r\n\r\n", 100).failed);
}
