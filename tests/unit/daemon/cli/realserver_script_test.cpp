// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cli/realserver_script.hpp>

#include <cstdio>
#include <cstdlib>
#include <support/temporary_directory.hpp>
#include <fstream>

using namespace dyad::cli;
using balance::mode;
using boost::asio::ip::make_address;

namespace {

balance::virtual_service service(mode m, char const* address = "192.0.2.1") {
    balance::virtual_service s;
    s.name = "Archive";
    s.mode = m;
    s.address = make_address(address);
    s.ports = {{104, 104}};
    balance::real_server v;
    v.name = "a";
    v.address = make_address(s.address->is_v6() ? "2001:db8::a" : "198.51.100.1");
    s.servers = {v};
    return s;
}

/// Is it a script that a shell understands?
bool parses(std::string const& script) {
    test::temporary_directory const folder;
    auto const file = folder.path() / "script";
    std::ofstream(file) << script;
    return std::system(("/bin/sh -n " + file.string()).c_str()) == 0;
}

bool has(std::string const& script, char const* text) { return script.find(text) != script.npos; }

} // namespace

TEST_CASE("realserver-script: every way is a script, with its undo") {
    struct expected {
        receiving how;
        char const* todo;
        char const* undo;
    };
    for (auto const& e : {expected{receiving::loopback, "ip addr replace 192.0.2.1/32 dev lo", "ip addr del 192.0.2.1/32"},
                          expected{receiving::iptables, "-A PREROUTING -d 192.0.2.1 -j REDIRECT", "-D PREROUTING -d 192.0.2.1"},
                          expected{receiving::nftables, "ip daddr 192.0.2.1 redirect", "delete table inet dyad_192_0_2_1"},
                          expected{receiving::firewalld, "--add-rule ipv4 nat PREROUTING 0 -d 192.0.2.1", "--remove-rule ipv4"}}) {
        auto const script = realserver_script(service(mode::dr), e.how, {});
        REQUIRE(script.has_value());
        CAPTURE(*script);
        CHECK(parses(*script));
        CHECK(has(*script, e.todo));
        CHECK(has(*script, e.undo));
    }
}

TEST_CASE("realserver-script: IPv6 needs no ARP, but an address that is not probed for") {
    auto const script = realserver_script(service(mode::dr, "2001:db8::1"), receiving::loopback, {}).value();
    CHECK(parses(script));
    CHECK(has(script, "ip -6 addr replace 2001:db8::1/128 dev lo nodad"));
    CHECK_FALSE(has(script, "arp_ignore"));
}

TEST_CASE("realserver-script: tunnels of each type are unwrapped") {
    using balance::tunnel;
    for (auto const& [t, text] : {std::pair{tunnel{}, "modprobe -a ipip"},
                                  std::pair{tunnel{tunnel::kind::gre, 0, {}}, "ip link set gre0 up"},
                                  std::pair{tunnel{tunnel::kind::gre, 0, tunnel::checksum::full}, "ip link add dyadgre type gre local"},
                                  std::pair{tunnel{tunnel::kind::gue, 6080, {}}, "ip fou add port 6080 gue"}}) {
        auto s = service(mode::tun);
        s.tunnel = t;
        auto const script = realserver_script(s, receiving::loopback, {}).value();
        CAPTURE(script);
        CHECK(parses(script));
        CHECK(has(script, text));
    }
}

TEST_CASE("realserver-script: replies of a nat service go to a floating address of the servers' family") {
    auto const script =
        realserver_script(service(mode::nat), receiving::loopback, {make_address("fd00::1"), make_address("10.0.0.1")});
    CHECK(has(script.value(), "ip route replace default via 10.0.0.1\n"));
    CHECK(parses(*script));
    auto transparent = service(mode::http); // its servers see clients, too
    transparent.transparent = true;
    CHECK(has(realserver_script(transparent, receiving::loopback, {make_address("10.0.0.1")}).value(), "ip route replace default via 10.0.0.1\n"));
    auto const none = realserver_script(service(mode::nat), receiving::loopback, {});
    CHECK(has(none.error().detail, "[floating_ip."));
}

TEST_CASE("realserver-script: the others need none, and a name cannot break out of its comment") {
    CHECK(realserver_script(service(mode::snat), receiving::loopback, {}).error().code == balance::errc::not_supported);
    CHECK(realserver_script(service(mode::http), receiving::loopback, {}).error().code == balance::errc::not_supported);
    auto s = service(mode::dr);
    s.name = "a\nreboot\n";
    CHECK_FALSE(has(realserver_script(s, receiving::loopback, {}).value(), "\nreboot"));
    CHECK(parse_receiving("carrier pigeon").error().detail.find("must be loopback") != std::string::npos);
}
