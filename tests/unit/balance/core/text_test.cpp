// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <catch2/catch.hpp>

using namespace balance;

TEST_CASE("text: every word reads back as the value it came from") {
    for (auto const m : {mode::dr, mode::nat, mode::snat, mode::tun, mode::tcp, mode::http}) {
        CHECK(parse_mode(to_string(m)).value() == m);
    }
    for (auto const p : {protocol::tcp, protocol::udp, protocol::tcp_udp}) {
        CHECK(parse_protocol(to_string(p)).value() == p);
    }
    using pk = persistence::kind;
    for (auto const k : {pk::none, pk::source_ip, pk::http_cookie, pk::last_successful}) {
        CHECK(parse_persistence(to_string(k)).value() == k);
    }
    using ck = health_check::kind;
    for (auto const k : {ck::connect, ck::ping, ck::http, ck::https, ck::external, ck::on, ck::off}) {
        CHECK(parse_check(to_string(k)).value() == k);
    }
    for (auto const s : {admin_state::online, admin_state::drain, admin_state::halt}) {
        CHECK(parse_admin_state(to_string(s)).value() == s);
    }
    CHECK(to_string(health::unknown) == "unknown");
    CHECK(to_string(health::up) == "up");
    CHECK(to_string(health::down) == "down");
}

TEST_CASE("text: the words themselves are a contract") {
    CHECK(to_string(mode::dr) == "dr");
    CHECK(to_string(mode::http) == "http");
    CHECK(to_string(protocol::tcp_udp) == "tcp_udp");
    CHECK(to_string(persistence::kind::source_ip) == "source_ip");
    CHECK(to_string(health_check::kind::external) == "external");
    CHECK(to_string(admin_state::halt) == "halt");
}

TEST_CASE("text: an unknown word is refused with the list of known ones") {
    auto const r = parse_mode("gate");
    REQUIRE(r.has_error());
    CHECK(r.error().code == errc::invalid_configuration);
    CHECK(r.error().detail == "\"gate\" is not a mode; it must be dr, nat, snat, tun, tcp or http");
    CHECK(parse_admin_state("off").error().detail == "\"off\" is not a server state; it must be online, drain or halt");
    CHECK(parse_mode("").has_error());
    CHECK(parse_mode("DR").has_error());
}

TEST_CASE("text: ports") {
    CHECK(parse_ports("80").value() == port_range{80, 80});
    CHECK(parse_ports("4100-4110").value() == port_range{4100, 4110});
    CHECK(parse_ports("*").value() == port_range{1, 65535});
    CHECK(parse_ports("1-65535").value() == port_range{1, 65535});
    for (auto const* text : {"80", "4100-4110", "*"}) {
        CHECK(to_string(parse_ports(text).value()) == text);
    }

    auto const detail = [](std::string_view text) { return parse_ports(text).error().detail; };
    CHECK(detail("0") == "port 0 does not exist; ports are whole numbers from 1 to 65535");
    CHECK(detail("65536") == "port 65536 does not exist; ports are whole numbers from 1 to 65535");
    CHECK(detail("99999999999") == "port 99999999999 does not exist; ports are whole numbers from 1 to 65535");
    CHECK(detail("-1") == "\"-1\" is not a port; ports are whole numbers from 1 to 65535");
    CHECK(detail("") == "\"\" is not a port; ports are whole numbers from 1 to 65535");
    CHECK(detail("80-") == "\"\" is not a port; ports are whole numbers from 1 to 65535");
    CHECK(detail("http") == "\"http\" is not a port; ports are whole numbers from 1 to 65535");
    CHECK(detail("80 ") == "\"80 \" is not a port; ports are whole numbers from 1 to 65535");
    CHECK(detail("4110-4100") == "port range \"4110-4100\" ends before it begins; it must be \"4100-4110\"");
}

TEST_CASE("text: addresses") {
    CHECK(parse_address("192.0.2.1").value().to_string() == "192.0.2.1");
    CHECK(parse_address("2001:DB8::1").value().to_string() == "2001:db8::1");
    for (auto const* text :
         {"", "192.0.2", "192.0.2.256", "192.0.2.1/24", "example.org", " 192.0.2.1", "::g", "010.0.0.1"}) {
        CAPTURE(text);
        CHECK(parse_address(text).has_error());
    }
    CHECK(parse_address("192.0.2").error().detail ==
          "\"192.0.2\" is not an IP address; it must look like 192.0.2.1 or 2001:db8::1");
    CHECK(parse_address("fe80::1%eth0").error().detail ==
          "\"fe80::1%eth0\" is not an IP address that can be used here; leave out the interface after \"%\"");
    CHECK(parse_address("::ffff:192.0.2.1").error().detail ==
          "\"::ffff:192.0.2.1\" is not an IP address that can be used here; write it as 192.0.2.1");
    CHECK(parse_address(std::string(5000, '1')).has_error());
    CHECK(parse_address(std::string_view("192.0.2.1\0x", 11)).has_error());
}

TEST_CASE("text: endpoints") {
    for (auto const* text : {"192.0.2.1:80", "[2001:db8::1]:65535"}) {
        CHECK(to_string(parse_endpoint(text).value()) == text);
    }
    for (auto const* text : {"", ":80", "192.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "2001:db8::1:80",
                             "[192.0.2.1]:80", "[]:80", "[2001:db8::1]", "localhost:80"}) {
        CAPTURE(text);
        CHECK(parse_endpoint(text).has_error());
    }
    CHECK(parse_endpoint("2001:db8::1:80").error().detail ==
          "\"2001:db8::1:80\" is not an address and port; it must look like 192.0.2.1:80 or [2001:db8::1]:80");
}

TEST_CASE("text: in_quotes() keeps a message one readable line") {
    CHECK(in_quotes("a\nb\x7f") == "\"a\\x0ab\\x7f\"");
    CHECK(in_quotes(std::string(61, 'x')) == '"' + std::string(60, 'x') + "…\"");
    CHECK(in_quotes(std::string(59, 'x') + "ä") == '"' + std::string(59, 'x') + "…\"");
    CHECK(in_quotes(std::string(58, 'x') + "ä") == '"' + std::string(58, 'x') + "ä\"");
}
