// SPDX-License-Identifier: Apache-2.0
#include "core/forwarded_client.hpp"

#include <balance/text.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace balance;

namespace {

std::string client_behind(std::string const& fields, char const* from = "10.0.0.1") {
    core::http::request r;
    auto const head = "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
    REQUIRE(core::http::parse(head, r) == 0);
    subnet const trusted[] = {parse_subnet("10.0.0.0/8").value(), parse_subnet("2001:db8:1::/48").value()};
    return core::http::forwarded_client(r.fields, parse_address(from).value(), trusted).to_string();
}

} // namespace

TEST_CASE("the client is the last in X-Forwarded-For that is no trusted relay", "[forwarded_client]") {
    CHECK(client_behind("X-Forwarded-For: 192.0.2.1\r\n") == "192.0.2.1");
    CHECK(client_behind("X-Forwarded-For: 203.0.113.5, 192.0.2.1 ,10.9.9.9\r\n") == "192.0.2.1");
    CHECK(client_behind("X-Forwarded-For: 203.0.113.5\r\nx-forwarded-for:\t192.0.2.1\r\nX-Other: 1\r\n") == "192.0.2.1");
    CHECK(client_behind("X-Forwarded-For: 203.0.113.5\r\nX-Forwarded-For: 10.0.0.2\r\n") == "203.0.113.5");
    CHECK(client_behind("X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n") == "10.0.0.3");
    CHECK(client_behind("X-Forwarded-For: 2001:db8::7, 2001:db8:1::1\r\n") == "2001:db8::7");
    CHECK(client_behind("X-Forwarded-For: ::ffff:192.0.2.1\r\n") == "192.0.2.1");
    CHECK(client_behind("X-Forwarded-For: 192.0.2.1:4711\r\n") == "192.0.2.1");
    CHECK(client_behind("X-Forwarded-For: [2001:db8::7]:4711\r\n") == "2001:db8::7");
}

TEST_CASE("a Forwarded field that is not whole is known", "[forwarded_client]") {
    using core::http::is_whole_forwarded;
    for (auto const* good : {"", "for=192.0.2.1", "for=192.0.2.1;proto=http;by=203.0.113.43", "for=192.0.2.43, for=\"[2001:db8:cafe::17]:4711\"",
                             "For=\"a\\\"b,c\"", " for=_x ; proto=https ,, for=unknown", "for=[2001:db8::1]:80"})
        CHECK(is_whole_forwarded(good));
    for (auto const* bad : {"for=\"192.0.2.1", "for=\"a\\\"", "for=a\"", "for", "=a", "for=", "f or=a", "for=a b", "for=\"a\"b", "for=a\\", "\"for=a\"", "for=\"a\", \""})
        CHECK_FALSE(is_whole_forwarded(bad));
}

TEST_CASE("what cannot be read, or comes from somebody else, is not believed", "[forwarded_client]") {
    CHECK(client_behind("X-Forwarded-For: 192.0.2.1\r\n", "198.51.100.1") == "198.51.100.1");
    for (auto const& said : std::vector<std::string>{"", "unknown", "192.0.2.1,", "192.0.2.1, x", "192.0.2.999", "[", "[]", "fe80::1%eth0", std::string(60, '1')})
        CHECK(client_behind("X-Forwarded-For: " + said + "\r\n") == "10.0.0.1");
    CHECK(client_behind("X-Forwarded-For: 192.0.2.1, x, 10.0.0.2\r\n") == "10.0.0.2");
    CHECK(client_behind("X_Forwarded_For: 192.0.2.1\r\n") == "10.0.0.1");
    CHECK(client_behind("") == "10.0.0.1");
}
