// SPDX-License-Identifier: Apache-2.0
#include "ipc/values.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include <limits>

using namespace dyad::ipc;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

/// Through the bytes that travel, so that number types are what a parser makes of them.
template <class T>
balance::result<T> travelled(T const& value) {
    return unpack<T>(json::parse(json::serialize(pack(value))));
}

template <class T>
std::string fault_of(std::string_view text) {
    auto const read = unpack<T>(json::parse(text));
    return read ? "none" : read.error().detail;
}

balance::address ip(char const* text) { return boost::asio::ip::make_address(text); }

} // namespace

TEST_CASE("values arrive as they were sent") {
    balance::endpoint const e{ip("2001:db8::1"), 65535};
    CHECK(*travelled(e) == e);
    mark const m{"DB_MT", 0xffffffff};
    CHECK(*travelled(m) == m);
    balance::server_state const s{{"EA", "EA 1"}, balance::health::up, balance::admin_state::drain, 75, true, 30};
    CHECK(*travelled(s) == s);
    balance::persistence_entry const p{"EA", ip("192.0.2.7"), "EA1", std::numeric_limits<std::uint64_t>::max(),
                                       balance::milliseconds(60000000)};
    CHECK(*travelled(p) == p);
    balance::server_key const k{"EA", "EA 1"};
    CHECK(*travelled(k) == k);
    auto const errors = travelled(error_report{k, "10 errors", true});
    REQUIRE(errors.has_value());
    CHECK(errors->key == k);
    CHECK(errors->reason == "10 errors");
    CHECK(errors->take_down);
    cluster::floating_address const f{ip("192.0.2.1"), "eth0"};
    CHECK(*travelled(f) == f);
    last_result const last{k, "connection \"refused\"", balance::milliseconds(3)};
    CHECK(*travelled(last) == last);
}

TEST_CASE("a health event arrives as it was sent") {
    balance::health_event const sent{{"EA", "EA1"}, balance::health::up, {true, "200 OK", balance::milliseconds(12)}, {0, "agent says \"drain\""}};
    auto const got = travelled(sent);
    REQUIRE(got.has_value());
    CHECK(got->key == sent.key);
    CHECK(got->health == sent.health);
    CHECK(got->last == sent.last);
    CHECK(got->agent == sent.agent);
}

TEST_CASE("a sealed datagram arrives byte for byte") {
    cluster::sealed_datagram const sent{
        {ip("10.0.0.1"), 6694}, {ip("10.0.0.2"), 6695}, "eth1", {0x00, 0xff, 0x80, 0x0a}};
    auto const got = travelled(sent);
    REQUIRE(got.has_value());
    CHECK(got->local == sent.local);
    CHECK(got->peer == sent.peer);
    CHECK(got->interface == sent.interface);
    CHECK(got->bytes == sent.bytes);
}

TEST_CASE("a service's status arrives with its servers") {
    balance::service_status const sent{"EA",
                                       "mode http is not built yet",
                                       true,
                                       19,
                                       {1, 2, 3, 4, std::numeric_limits<std::uint64_t>::max(), {5, 6, 7, 8, 9}},
                                       {{20, 21, 22, 23, 24}, 25, 26, 27, 28, 29, 30, {31, 32us, 33us, 34us}},
                                       {{"EA1", 7, 8, {9, 10, 11, 12, 13, {14, 15, 16, 17, 18}}, {{35}}}, {}}};
    auto const got = travelled(sent);
    REQUIRE(got.has_value());
    CHECK(*got == sent);
}

TEST_CASE("a list arrives in order") {
    std::vector<balance::endpoint> const sent{{ip("10.0.0.1"), 80}, {ip("::1"), 443}};
    auto const message = json::parse(json::serialize(json::object{{"sockets", pack_all(sent)}})).as_object();
    CHECK(*unpack_all<balance::endpoint>(message, "sockets") == sent);
    CHECK(unpack_all<balance::endpoint>(message, "socket").error().detail == "\"socket\" must be a list");
}

TEST_CASE("a wrong member is named") {
    CHECK(fault_of<balance::endpoint>("[]") == "a JSON object is expected");
    CHECK(fault_of<balance::endpoint>("{}") == "\"address\" must be a text");
    CHECK(fault_of<balance::endpoint>(R"({"address":"10.0.0","port":1})") == "\"address\" must be an IP address");
    CHECK(fault_of<balance::endpoint>(R"({"address":"10.0.0.1"})") == "\"port\" must be a number in range");
    CHECK(fault_of<balance::endpoint>(R"({"address":"10.0.0.1","port":65536})") ==
          "\"port\" must be a number in range");
    CHECK(fault_of<balance::endpoint>(R"({"address":"10.0.0.1","port":-1})") == "\"port\" must be a number in range");
    CHECK(fault_of<balance::server_state>(R"({"service":"a","server":"b","health":"well","admin":"online"})") ==
          "\"health\" must be up, down or unknown");
    CHECK(fault_of<balance::server_state>(R"({"service":"a","server":"b","health":"up","admin":"on"})") ==
          "\"admin\" must be online, drain or halt");
    CHECK(fault_of<balance::health_event>(R"({"service":"a","server":"b","health":"up","success":1})") ==
          "\"success\" must be true or false");
    CHECK(fault_of<cluster::sealed_datagram>(
              R"({"local":"::1","local_port":1,"peer":"::1","peer_port":1,"interface":"lo","bytes":"!"})") ==
          "\"bytes\" must be base64");
    CHECK(fault_of<balance::service_status>(R"({"name":"a","not_served":"","fallback_active":false,"waiting":0,"counters":{}})") ==
          "\"counters\" must be an object of numbers");
}

TEST_CASE("a wrong entry of a list is named with its place") {
    auto const message =
        json::parse(R"({"sockets":[{"address":"::1","port":1},{"address":"::1","port":true}]})").as_object();
    CHECK(unpack_all<balance::endpoint>(message, "sockets").error().detail ==
          "sockets[1]: \"port\" must be a number in range");
}
