// SPDX-License-Identifier: Apache-2.0
// Structures of the kernel's older interface, as the kernel fills them.
#include "ipvs/sockopt_table.hpp"

#include <arpa/inet.h>
#include <linux/ip_vs.h>

#include <catch2/catch.hpp>

#include <cstring>
#include <random>

using namespace balance;
using namespace balance::ipvs;

namespace {

template <class T>
void put(bytes& into, std::size_t at, T const& what) {
    std::memcpy(into.data() + at, &what, sizeof what);
}

endpoint at(char const* address, std::uint16_t port) { return {boost::asio::ip::make_address(address), port}; }

counted_service by_mark(std::uint32_t mark, std::uint32_t destinations) {
    counted_service s;
    s.key.mark = mark;
    s.destinations = destinations;
    return s;
}

ip_vs_dest_entry entry(char const* address, std::uint16_t port, unsigned flags, int weight) {
    ip_vs_dest_entry e{};
    e.addr = inet_addr(address);
    e.port = htons(port);
    e.conn_flags = flags;
    e.weight = weight;
    return e;
}

} // namespace

TEST_CASE("services of the older interface: by address, by mark, with the number of their destinations") {
    auto answer = services_request(2);
    ip_vs_service_entry e{};
    e.protocol = IPPROTO_UDP;
    e.addr = inet_addr("10.64.0.7");
    e.port = htons(80);
    e.num_dests = 10;
    put(answer, sizeof(ip_vs_get_services), e);
    e.fwmark = 999'999;
    e.num_dests = 70'000;
    put(answer, sizeof(ip_vs_get_services) + sizeof e, e);

    auto const got = decode_services(answer);
    REQUIRE(got.has_value());
    REQUIRE(got->size() == 2);
    CHECK((*got)[0].key == service_key{.protocol = udp_protocol, .local = at("10.64.0.7", 80)});
    CHECK((*got)[0].destinations == 10);
    CHECK((*got)[1].key == by_mark(999'999, 0).key);
    CHECK((*got)[1].destinations == 70'000);
}

TEST_CASE("destinations of the older interface say what netlink says of them") {
    counted_service const s{{.protocol = tcp_protocol, .local = at("10.64.0.7", 80)}, 2};
    auto answer = destinations_request(s);
    ip_vs_get_dests head;
    std::memcpy(&head, answer.data(), sizeof head);
    CHECK(head.protocol == IPPROTO_TCP);
    CHECK(head.addr == inet_addr("10.64.0.7"));
    CHECK(head.port == htons(80));
    CHECK(head.num_dests == 3); // room for one more, to see whether there is one

    auto e = entry("10.96.0.1", 8080, IP_VS_CONN_F_MASQ | IP_VS_CONN_F_NOOUTPUT, 65535);
    e.u_threshold = 300;
    e.l_threshold = 200;
    e.activeconns = 7;
    e.inactconns = 8;
    e.persistconns = 9;
    put(answer, sizeof head, e);
    put(answer, sizeof head + sizeof e, entry("10.96.0.2", 0, IP_VS_CONN_F_DROUTE, 0));
    auto const got = decode_destinations(answer);
    REQUIRE(got.has_value());
    auto const& list = *got;
    CHECK(list[0].config == destination{.remote = at("10.96.0.1", 8080), .method = forwarding::masquerade, .weight = 65535, .upper = 300, .lower = 200});
    CHECK(list[0].active == 7);
    CHECK(list[0].inactive == 8);
    CHECK(list[0].persistent == 9);
    CHECK(list[1].config == destination{.remote = at("10.96.0.2", 0), .method = forwarding::direct});
}

TEST_CASE("what the older interface does not tell is left to netlink") {
    auto const s = by_mark(5, 2);
    auto answer = destinations_request(s);
    auto const place = sizeof(ip_vs_get_dests);
    put(answer, place, entry("10.96.0.1", 80, IP_VS_CONN_F_MASQ, 1));
    SECTION("one of another family, or that has gone") { CHECK_FALSE(decode_destinations(answer).has_value()); }
    SECTION("a tunnel, whose kind it does not say") {
        put(answer, place + sizeof(ip_vs_dest_entry), entry("10.96.0.2", 80, IP_VS_CONN_F_TUNNEL, 1));
        CHECK_FALSE(decode_destinations(answer).has_value());
    }
    SECTION("more than were counted") {
        put(answer, place + sizeof(ip_vs_dest_entry), entry("10.96.0.2", 80, IP_VS_CONN_F_MASQ, 1));
        put(answer, place + 2 * sizeof(ip_vs_dest_entry), entry("10.96.0.3", 80, IP_VS_CONN_F_MASQ, 1));
        CHECK_FALSE(decode_destinations(answer).has_value());
    }
    SECTION("else it is understood") {
        put(answer, place + sizeof(ip_vs_dest_entry), entry("10.96.0.2", 80, IP_VS_CONN_F_MASQ, 1));
        CHECK(decode_destinations(answer).has_value());
    }
}

TEST_CASE("answers that are cut off or say more than they hold are refused") {
    auto const of_services = services_request(3);
    for (std::size_t n = 0; n < of_services.size(); ++n) {
        CHECK_FALSE(decode_services(byte_span(of_services).first(n)).has_value());
    }
    auto const of_destinations = destinations_request(by_mark(1, 3));
    for (std::size_t n = 0; n < of_destinations.size(); ++n) {
        CHECK_FALSE(decode_destinations(byte_span(of_destinations).first(n)).has_value());
    }
    std::mt19937 random(20261123);
    for (int i = 0; i < 4000; ++i) { // no crash; the sanitizers watch
        auto other = i % 2 == 0 ? of_services : of_destinations;
        other[random() % other.size()] = static_cast<std::byte>(random());
        (void)decode_services(other);
        (void)decode_destinations(other);
    }
}
