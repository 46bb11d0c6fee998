// SPDX-License-Identifier: Apache-2.0
#include "core/subnet.hpp"

#include <balance/text.hpp>

#include <catch2/catch.hpp>

using namespace balance;

TEST_CASE("networks are read", "[subnet]") {
    CHECK(parse_subnet("192.0.2.0/24").value() == subnet{parse_address("192.0.2.0").value(), 24});
    CHECK(parse_subnet("2001:db8::/32").value() == subnet{parse_address("2001:db8::").value(), 32});
    CHECK(parse_subnet("192.0.2.7").value().length == 32);
    CHECK(parse_subnet("0.0.0.0/0").value().length == 0);
    for (auto const* bad : {"", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/24x", "::/129", "pacs/24", "192.0.2/24"})
        CHECK(!parse_subnet(bad));
    CHECK(parse_subnet("192.0.2.7/24").error().detail.ends_with("write 192.0.2.0/24"));
}

TEST_CASE("networks hold addresses of their family", "[subnet]") {
    auto const holds = [](char const* net, char const* one) {
        subnet const list[] = {parse_subnet(net).value()};
        return core::holds(list, parse_address(one).value());
    };
    CHECK(holds("192.0.2.0/25", "192.0.2.127"));
    CHECK(!holds("192.0.2.0/25", "192.0.2.128"));
    CHECK(holds("0.0.0.0/0", "203.0.113.9"));
    CHECK(!holds("0.0.0.0/0", "2001:db8::1"));
    CHECK(holds("2001:db8::/33", "2001:db8:7fff::1"));
    CHECK(!holds("2001:db8::/33", "2001:db8:8000::1"));
    CHECK(!core::holds({}, parse_address("192.0.2.1").value()));
}
