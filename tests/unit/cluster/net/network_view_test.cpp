// SPDX-License-Identifier: Apache-2.0
#include "net/network_view.hpp"

#include <catch2/catch.hpp>

using namespace cluster::net;
using boost::asio::ip::make_address;

namespace {

network_view two_interfaces() {
    network_view v;
    v.put({.index = 1, .name = "eth0", .running = true, .ethernet = true, .mac = {2}});
    v.put({.index = 2, .name = "eth1", .running = false, .ethernet = true, .mac = {4}});
    v.put({1, make_address("10.0.0.1"), 8});
    v.put({2, make_address("10.1.0.1"), 20});
    v.put({2, make_address("2001:db8:1::1"), 64});
    return v;
}

std::string name(interface_info const* i) { return i == nullptr ? "" : i->name; }

} // namespace

TEST_CASE("an address belongs to the narrowest subnet that holds it") {
    auto v = two_interfaces();
    CHECK(name(v.subnet_of(make_address("10.200.0.1"))) == "eth0");
    CHECK(name(v.subnet_of(make_address("10.1.15.255"))) == "eth1");
    CHECK(name(v.subnet_of(make_address("10.1.16.0"))) == "eth0");
    CHECK(name(v.subnet_of(make_address("192.0.2.1"))).empty());
    CHECK(name(v.subnet_of(make_address("2001:db8:1::ffff"))) == "eth1");
    CHECK(name(v.subnet_of(make_address("2001:db8:2::1"))).empty());
}

TEST_CASE("a floating IP that is on already doesn't count as a subnet") {
    auto v = two_interfaces();
    v.put({1, make_address("192.0.2.1"), 32});
    CHECK(v.subnet_of(make_address("192.0.2.1")) == nullptr);
    CHECK(name(v.owner_of(make_address("192.0.2.1"))) == "eth0");
}

TEST_CASE("an interface takes its addresses with it") {
    auto v = two_interfaces();
    v.remove_interface(2);
    CHECK(v.find(2) == nullptr);
    CHECK(v.find("eth1") == nullptr);
    CHECK_FALSE(v.has(2, make_address("10.1.0.1")));
    CHECK(v.has(1, make_address("10.0.0.1")));
    CHECK_FALSE(v.has(2, make_address("10.0.0.1")));
}

TEST_CASE("the version tells changes from repetitions") {
    auto v = two_interfaces();
    auto const before = v.version();
    v.put({1, make_address("10.0.0.1"), 8});
    v.put({.index = 1, .name = "eth0", .running = true, .ethernet = true, .mac = {2}});
    v.remove({1, make_address("10.9.9.9"), 32});
    CHECK(v.version() == before);
    v.put({.index = 1, .name = "eth0", .running = false, .ethernet = true, .mac = {2}});
    CHECK(v.version() > before);
    auto const down = v.version();
    v.put({1, make_address("10.9.9.9"), 32});
    CHECK(v.version() > down);
    auto const added = v.version();
    v.remove({1, make_address("10.9.9.9"), 32});
    CHECK(v.version() > added);
}
