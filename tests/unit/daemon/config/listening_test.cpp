// SPDX-License-Identifier: Apache-2.0
#include <config/listening.hpp>

#include <catch2/catch.hpp>

using namespace dyad::config;

namespace {

balance::address ip(char const* text) { return boost::asio::ip::make_address(text); }

balance::virtual_service service(char const* name, balance::mode mode, char const* address,
                                 std::vector<balance::port_range> ports) {
    balance::virtual_service s;
    s.name = name;
    s.mode = mode;
    s.address = ip(address);
    s.ports = std::move(ports);
    s.balance = "wrr";
    return s;
}

} // namespace

TEST_CASE("layer-7 services listen on each of their ports") {
    balance::configuration c;
    c.services = {service("a", balance::mode::tcp, "10.0.0.1", {{80, 80}, {4100, 4102}}),
                  service("b", balance::mode::tcp, "2001:db8::1", {{65535, 65535}}),
                  service("c", balance::mode::dr, "10.0.0.3", {{80, 80}})};
    CHECK(endpoints_of(c) == std::set<balance::endpoint>{{ip("10.0.0.1"), 80},
                                                         {ip("10.0.0.1"), 4100},
                                                         {ip("10.0.0.1"), 4101},
                                                         {ip("10.0.0.1"), 4102},
                                                         {ip("2001:db8::1"), 65535}});
}

TEST_CASE("ports without a socket are left out, all else stays as it is") {
    balance::configuration c;
    c.services = {service("whole", balance::mode::tcp, "10.0.0.1", {{80, 80}, {4100, 4102}}),
                  service("part", balance::mode::tcp, "10.0.0.2", {{80, 82}}),
                  service("none", balance::mode::tcp, "10.0.0.3", {{80, 80}}),
                  service("layer4", balance::mode::dr, "10.0.0.3", {{80, 80}})};
    auto expected = c;
    expected.services[1].ports = {{80, 80}, {82, 82}};
    expected.services[2].ports = {};
    auto const there = [](balance::endpoint const& e) {
        return e.address != ip("10.0.0.3") && e != balance::endpoint{ip("10.0.0.2"), 81};
    };
    CHECK(restrict_to(c, there) == expected);
}

TEST_CASE("the page answers on the addresses of services that fall back to it") {
    balance::configuration c;
    c.page_port = 9082;
    c.services = {service("a", balance::mode::nat, "10.0.0.1", {{80, 80}}),
                  service("b", balance::mode::snat, "10.0.0.1", {{81, 81}}),
                  service("udp", balance::mode::nat, "10.0.0.2", {{53, 53}}),
                  service("relay", balance::mode::tcp, "10.0.0.3", {{80, 80}}),
                  service("none", balance::mode::nat, "10.0.0.4", {{80, 80}})};
    for (auto& s : c.services) {
        s.fallback.mode = balance::fallback::kind::local;
    }
    c.services[2].protocol = balance::protocol::udp;
    c.services[4].fallback.mode = balance::fallback::kind::disabled;
    CHECK(page_endpoints(c) == std::set<balance::endpoint>{{ip("10.0.0.1"), 9082}, {ip("10.0.0.3"), 9082}});
    c.services.push_back(service("there", balance::mode::http, "10.0.0.3", {{9082, 9082}}));
    CHECK(page_endpoints(c) == std::set<balance::endpoint>{{ip("10.0.0.1"), 9082}});
}
