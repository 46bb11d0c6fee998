// SPDX-License-Identifier: Apache-2.0
#include "core/plan.hpp"

#include <balance/validate.hpp>

#include <catch2/catch.hpp>

#include <algorithm>

using namespace balance;
using namespace balance::ipvs;
using boost::asio::ip::make_address;
using kind = change::kind;

namespace {

service_key key_of(char const* where, std::uint16_t port) {
    return {false, 0, tcp_protocol, {make_address(where), port}};
}
service_key mark_key(std::uint32_t mark) { return {false, mark, 0, {}}; }

destination dest(char const* where, std::uint32_t weight = 100) {
    return {{make_address(where), 80}, forwarding::direct, weight, 0, 0};
}

ipvs::service wrr(service_key key) { return {std::move(key), "wrr", 0, 0, 0xffffffff, {}}; }

desired_table web() {
    desired_table out;
    out.services = {
        {"web", wrr(key_of("192.0.2.1", 80)), {{"A", dest("198.51.100.1"), {}}, {"B", dest("198.51.100.2"), {}}}}};
    out.addresses = {make_address("192.0.2.1")};
    return out;
}

/// What the kernel would hold once `t` was applied.
std::vector<service_state> held(desired_table const& t) {
    std::vector<service_state> out;
    for (auto const& s : t.services) {
        service_state state{s.config, {}, {}};
        for (auto const& d : s.destinations) {
            state.destinations.push_back({d.config, 3, 2, 1, {}});
        }
        out.push_back(std::move(state));
    }
    return out;
}

std::vector<kind> kinds(std::vector<change> const& list) {
    std::vector<kind> out;
    for (auto const& c : list) {
        out.push_back(c.what);
    }
    return out;
}

} // namespace

TEST_CASE("an empty kernel gets each service followed by its servers") {
    auto const p = plan(web(), {}, {});
    CHECK(kinds(p.build) == std::vector{kind::add_service, kind::add_destination, kind::add_destination});
    CHECK(p.remove.empty());
    CHECK(p.build[0].text == "service web 192.0.2.1:80/tcp wrr added");
    CHECK(p.build[2].text == "server A 198.51.100.1:80 dr weight 100 added");
    CHECK(p.build[2].service == "web");
    CHECK(p.build[2].target.key == key_of("192.0.2.1", 80));
}

TEST_CASE("the kernel begins with the server added last: the heaviest, and of equals the file's first") {
    auto t = web();
    t.services[0].destinations = {{"heavy", dest("198.51.100.1", 65535), {}},
                                  {"first", dest("198.51.100.2", 100), {}},
                                  {"second", dest("198.51.100.3", 100), {}},
                                  {"light", dest("198.51.100.4", 1), {}}};
    std::vector<std::string> order;
    for (auto const& c : plan(t, {}, {}).build) {
        if (c.what == kind::add_destination) {
            order.push_back(c.server.remote.address.to_string());
        }
    }
    CHECK(order == std::vector<std::string>{"198.51.100.4", "198.51.100.3", "198.51.100.2", "198.51.100.1"});
}

TEST_CASE("what is as it should be gets no message, whatever its counters and the order of the kernel's list") {
    auto t = web();
    t.services.push_back({"dicom", wrr(mark_key(first_reserved_mark)), {{"C", dest("198.51.100.3"), {}}}});
    auto actual = held(t);
    std::swap(actual[0], actual[1]);
    std::swap(actual[1].destinations[0], actual[1].destinations[1]);
    CHECK(plan(t, actual, {}).empty());
}

TEST_CASE("what the kernel says twice, because its list changed while it was read, is there once") {
    auto const t = web();
    auto actual = held(t);
    auto& servers = actual[0].destinations;
    servers.push_back(servers[0]);
    CHECK(plan(t, actual, {}).empty());
    servers.back().config.weight = 0; // the first counts
    CHECK(plan(t, actual, {}).empty());
    std::swap(servers[0], servers[1]);
    CHECK(plan(t, actual, {}).empty());
    actual.push_back(actual[0]);
    CHECK(plan(t, actual, {}).empty());

    desired_table nothing;
    nothing.addresses = t.addresses;
    CHECK(plan(nothing, actual, {}).remove.size() == 1);
}

TEST_CASE("servers are compared by address and port, wherever the kernel's list has them") {
    auto t = web();
    for (int i = 3; i < 10; ++i) {
        t.services[0].destinations.push_back({"S", dest(("198.51.100." + std::to_string(i)).c_str()), {}});
    }
    auto actual = held(t);
    std::reverse(actual[0].destinations.begin(), actual[0].destinations.end());
    CHECK(plan(t, actual, {}).empty());
    t.services[0].destinations.erase(t.services[0].destinations.begin() + 4);
    t.services[0].destinations[2].config.weight = 1;
    auto const p = plan(t, actual, {});
    CHECK(kinds(p.build) == std::vector{kind::set_destination, kind::remove_destination});
    CHECK(p.build[0].server.remote.address == make_address("198.51.100.3"));
    CHECK(p.build[1].server.remote.address == make_address("198.51.100.5"));
}

TEST_CASE("a changed server is one message and its neighbours none") {
    auto const before = web();
    auto after = before;
    after.services[0].destinations[1].config.weight = 0;
    after.services[0].destinations[1].why = "drained";
    auto const p = plan(after, held(before), {});
    REQUIRE(kinds(p.build) == std::vector{kind::set_destination});
    CHECK(p.build[0].server.remote.address == make_address("198.51.100.2"));
    CHECK(p.build[0].text == "server B 198.51.100.2:80: weight 100 -> 0 (drained)");
}

TEST_CASE("a service is changed in place") {
    auto const before = web();
    auto after = before;
    auto& config = after.services[0].config;
    SECTION("scheduler") {
        config.scheduler = "wlc";
        CHECK(plan(after, held(before), {}).build.at(0).text == "service web 192.0.2.1:80/tcp: scheduler wrr -> wlc");
    }
    SECTION("persistence") {
        config.flags = persistent_flag;
        config.timeout = 300;
        config.netmask = 0xffffff00;
        CHECK(plan(after, held(before), {}).build.at(0).text ==
              "service web 192.0.2.1:80/tcp: persistence none -> 300 s/24");
    }
    SECTION("flags and engine that somebody set behind our back") {
        auto actual = held(before);
        actual[0].config.flags = 8;
        actual[0].config.engine = "sip";
        CHECK(plan(before, actual, {}).build.at(0).text ==
              "service web 192.0.2.1:80/tcp: flags 8 -> 0, engine sip -> none");
    }
    SECTION("a mask that decides nothing") {
        auto actual = held(before);
        actual[0].config.netmask = 0;
        CHECK(plan(before, actual, {}).build.at(0).text ==
              "service web 192.0.2.1:80/tcp: persistence settings put back");
    }
    if (after != before) {
        CHECK(kinds(plan(after, held(before), {}).build) == std::vector{kind::set_service});
    }
}

TEST_CASE("a service gets new servers before it loses old ones") {
    auto const before = web();
    auto after = before;
    after.services[0].destinations = {{"C", dest("198.51.100.3"), {}}};
    auto const p = plan(after, held(before), {});
    CHECK(kinds(p.build) == std::vector{kind::add_destination, kind::remove_destination, kind::remove_destination});
    CHECK(p.build[1].text == "server 198.51.100.1:80 removed");
}

TEST_CASE("another port is another service: built first, the old one removed after") {
    auto const before = web();
    auto after = before;
    after.services[0].config.key.local.port = 81;
    auto const p = plan(after, held(before), {{key_of("192.0.2.1", 80), "web"}});
    CHECK(kinds(p.build) == std::vector{kind::add_service, kind::add_destination, kind::add_destination});
    REQUIRE(kinds(p.remove) == std::vector{kind::remove_service});
    CHECK(p.remove[0].text == "service web 192.0.2.1:80/tcp removed");
}

TEST_CASE("what is not configured goes when it is ours and stays when it is not") {
    auto const service_there = [](service_key key) {
        return std::vector<service_state>{{wrr(std::move(key)), {}, {}}};
    };
    desired_table nothing;
    nothing.addresses = {make_address("192.0.2.1")};

    SECTION("on a configured address") {
        CHECK(plan(nothing, service_there(key_of("192.0.2.1", 8080)), {}).remove.size() == 1);
    }
    SECTION("with a mark of our range") {
        CHECK(plan(nothing, service_there(mark_key(first_reserved_mark)), {}).remove.size() == 1);
        CHECK(plan(nothing, service_there(mark_key(last_reserved_mark)), {}).remove.size() == 1);
    }
    SECTION("known from before") {
        auto const key = key_of("192.0.2.7", 80);
        auto const p = plan(nothing, service_there(key), {{key, "gone"}});
        REQUIRE(p.remove.size() == 1);
        CHECK(p.remove[0].service == "gone");
    }
    SECTION("somebody else's") {
        for (auto const& key : {key_of("192.0.2.7", 80), mark_key(7), mark_key(first_reserved_mark - 1),
                                mark_key(last_reserved_mark + 1)}) {
            auto const p = plan(nothing, service_there(key), {});
            CHECK(p.empty());
            CHECK(p.strangers == std::vector{key});
        }
    }
}

TEST_CASE("a mark's family tells two services apart") {
    auto v6 = mark_key(first_reserved_mark);
    v6.v6 = true;
    CHECK_FALSE(v6 == mark_key(first_reserved_mark));
    CHECK(to_string(v6) == "mark " + std::to_string(first_reserved_mark) + " (IPv6)");
    CHECK(to_string(service_key{true, 0, udp_protocol, {make_address("2001:db8::1"), 53}}) == "[2001:db8::1]:53/udp");
}
