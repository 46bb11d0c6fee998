// SPDX-License-Identifier: Apache-2.0
// The PROXY protocol, byte for byte as its specification writes it.
#include "core/proxy_header.hpp"

#include <balance/text.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

using namespace balance;
using namespace std::string_literals;
using core::read_proxy_header;
using outcome = core::proxy_header::outcome;
using version = proxy_protocol::version;

namespace {

endpoint at(char const* text) { return parse_endpoint(text).value(); }

std::string const v2 = "\r\n\r\n\0\r\nQUIT\n"s;
std::string const tcp4 = v2 + "\x21\x11\x00\x0c"s + "\xc0\x00\x02\x01"s + "\xc6\x33\x64\x02"s + "\xdc\x04\x01\xbb"s;
std::string const tcp6 = v2 + "\x21\x21\x00\x24"s + "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s +
                         "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"s + "\xdc\x04\x01\xbb"s;

outcome state_of(std::string const& bytes) { return read_proxy_header(bytes).state; }

} // namespace

TEST_CASE("a PROXY header says who the client is", "[proxy_header]") {
    struct { std::string bytes; char const* client; char const* local; } const cases[] = {
        {"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", "192.0.2.1:56324", "198.51.100.2:443"},
        {"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", "[2001:db8::1]:56324", "[2001:db8::2]:443"},
        {"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 1 65535\r\n", "192.0.2.1:1", "198.51.100.2:65535"},
        {tcp4, "192.0.2.1:56324", "198.51.100.2:443"},
        {tcp6, "[2001:db8::1]:56324", "[2001:db8::2]:443"}};
    for (auto const& c : cases) {
        auto const h = read_proxy_header(c.bytes + "GET / HTTP/1.1\r\n");
        CHECK(h.state == outcome::complete);
        CHECK(h.size == c.bytes.size());
        REQUIRE(h.ends);
        CHECK(h.ends->client == at(c.client));
        CHECK(h.ends->local == at(c.local));
        for (std::size_t n = 0; n < c.bytes.size(); ++n)
            CHECK(state_of(c.bytes.substr(0, n)) == outcome::incomplete);
    }
}

TEST_CASE("what follows the addresses of a PROXY header is passed over", "[proxy_header]") {
    auto more = tcp4;
    more[15] = 0x0c + 7;
    more += "\x02\x00\x04"s + "pacs";
    auto const h = read_proxy_header(more + "rest");
    CHECK(h.size == more.size());
    CHECK(h.ends->client == at("192.0.2.1:56324"));
}

TEST_CASE("a relay that speaks for itself tells no client", "[proxy_header]") {
    for (auto const& bytes : {"PROXY UNKNOWN\r\n"s, "PROXY UNKNOWN ff:: ff:: 1 2\r\n"s, v2 + "\x20\x00\x00\x00"s,
                              v2 + "\x20\x11\x00\x0c"s + "123456789012", v2 + "\x21\x00\x00\x00"s}) {
        auto const h = read_proxy_header(bytes + "x");
        CHECK(h.state == outcome::complete);
        CHECK(h.size == bytes.size());
        CHECK(!h.ends);
    }
}

TEST_CASE("malformed PROXY headers are seen", "[proxy_header]") {
    auto const cases = {
        "GET / HTTP/1.1\r\n"s, "PROXX"s, "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n"s, "PROXY TCP4\r\n"s, "PROXY \n"s,
        "PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n"s, "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"s,
        "PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n"s, "PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n"s,
        "PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n"s, "PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n"s,
        "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n"s, "PROXY TCP4 192.0.2.1  198.51.100.2 1 2\r\n"s,
        "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n"s, "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n"s,
        "PROXY UNKNOWN " + std::string(93, 'x'), v2 + "\x11\x11\x00\x0c"s, v2 + "\x22\x11\x00\x0c"s,
        v2 + "\x21\x11\x10\x00"s, v2 + "\x21\x11\x00\x0b"s + "12345678901", v2 + "\x21\x21\x00\x23"s + std::string(35, 'x'),
        v2 + "\x21\x12\x00\x0c"s + "123456789012", v2 + "\x21\x31\x00\x00"s};
    for (auto const& bytes : cases) {
        CAPTURE(bytes);
        CHECK(state_of(bytes) == outcome::malformed);
    }
}

TEST_CASE("PROXY headers are written as others write them", "[proxy_header]") {
    core::proxied_ends const v4{at("192.0.2.1:56324"), at("198.51.100.2:443")};
    core::proxied_ends const v6{at("[2001:db8::1]:56324"), at("[2001:db8::2]:443")};
    CHECK(core::write_proxy_header(version::v1, v4).text() == "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
    CHECK(core::write_proxy_header(version::v1, v6).text() == "PROXY TCP6 2001:db8:0:0:0:0:0:1 2001:db8:0:0:0:0:0:2 56324 443\r\n");
    CHECK(core::write_proxy_header(version::v2, v4).text() == tcp4);
    CHECK(core::write_proxy_header(version::v2, v6).text() == tcp6);
    core::proxied_ends const mixed{at("192.0.2.1:1"), at("[2001:db8::2]:2")};
    for (auto const v : {version::v1, version::v2}) {
        CHECK(read_proxy_header(core::write_proxy_header(v, mixed).text()).ends == mixed);
        CHECK(read_proxy_header(core::own_proxy_header(v)).state == outcome::complete);
    }
    auto const widest = at("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    auto const longest = core::write_proxy_header(version::v1, {widest, widest});
    CHECK(longest.size <= core::proxy_header::longest_written);
    CHECK(read_proxy_header(longest.text()).ends->client == widest);
}
