// SPDX-License-Identifier: Apache-2.0
#include "ipvs/reconciler.hpp"
#include "memory_kernel.hpp"

#include <catch2/catch.hpp>

using namespace balance;
using namespace balance::ipvs;
using boost::asio::ip::make_address;

namespace {

service_key key_of(char const* where, std::uint16_t port) {
    return {false, 0, tcp_protocol, {make_address(where), port}};
}

desired_service service_with(std::string name, service_key key, std::string scheduler = "wrr") {
    desired_service out{std::move(name), {std::move(key), std::move(scheduler), 0, 0, ~0U, {}}, {}};
    for (auto const* where : {"198.51.100.1", "198.51.100.2"}) {
        out.destinations.push_back({where, {{make_address(where), 80}, forwarding::direct, 100, 0, 0}, {}});
    }
    return out;
}

desired_table table_of(std::vector<desired_service> services) {
    desired_table out;
    out.services = std::move(services);
    for (auto const& s : out.services) {
        out.addresses.push_back(s.config.key.local.address);
    }
    return out;
}

desired_table two() {
    return table_of(
        {service_with("web", key_of("192.0.2.1", 80)), service_with("dicom", key_of("192.0.2.2", 104), "wlc")});
}

bool is_command(bytes const& m, command c) { return m.at(0) == static_cast<std::byte>(c); }

} // namespace

TEST_CASE("the table is made as desired, and the second time nothing is written") {
    memory_kernel k;
    reconciler r;
    auto const first = r.build(k, two());
    REQUIRE(first.has_value());
    CHECK(first->done.size() == 6);
    CHECK(first->failed.empty());
    CHECK_FALSE(first->removals);
    CHECK(plan(two(), k.table, {}).empty());
    CHECK(k.messages == 6);
    auto const second = r.build(k, two());
    CHECK(second->done.empty());
    CHECK(k.messages == 6);
    CHECK(k.dumps == 2);
}

TEST_CASE("what somebody removed behind our back is put back") {
    memory_kernel k;
    reconciler r;
    REQUIRE(r.build(k, two()).has_value());
    std::erase_if(k.table, [](auto const& s) { return s.config.key == key_of("192.0.2.1", 80); });
    auto const again = r.build(k, two());
    CHECK(again->done.size() == 3);
    CHECK(plan(two(), k.table, {}).empty());
}

TEST_CASE("services are removed only by remove, and known ones wherever they are") {
    memory_kernel k;
    reconciler r;
    REQUIRE(r.build(k, two()).has_value());
    auto const only_web = table_of({service_with("web", key_of("192.0.2.1", 80))});
    auto const built = r.build(k, only_web); // 192.0.2.2 is no configured address any more, but we made it
    CHECK(built->removals);
    CHECK(k.table.size() == 2);
    auto const removed = r.remove(k, only_web);
    REQUIRE(removed->done.size() == 1);
    CHECK(removed->done[0].text == "service dicom 192.0.2.2:104/tcp removed");
    CHECK(k.table.size() == 1);

    // From now on what appears there is somebody else's.
    k.table.push_back({{key_of("192.0.2.2", 104), "rr", 0, 0, ~0U, {}}, {}, {}});
    auto const stranger = r.build(k, only_web);
    CHECK_FALSE(stranger->removals);
    CHECK(stranger->strangers == std::vector{key_of("192.0.2.2", 104)});
    CHECK(r.build(k, only_web)->strangers.empty()); // said once
}

TEST_CASE("a table that changes while we write is planned again") {
    memory_kernel k;
    reconciler r;
    k.between = [&] {
        k.table.push_back({{key_of("192.0.2.1", 80), "rr", 0, 0, ~0U, {}}, {}, {}}); // somebody was faster
        k.between = nullptr;
    };
    auto const built = r.build(k, two());
    CHECK(built->failed.empty());
    CHECK(plan(two(), k.table, {}).empty());
    CHECK(k.dumps == 2);
}

TEST_CASE("a service that the kernel refuses is explained and does not stop the others") {
    memory_kernel k;
    reconciler r;
    k.fault = [](bytes const& m) { // no wlc in this kernel
        return is_command(m, command::new_service) && decode_service(m)->config.scheduler == "wlc" ? ENOENT : 0;
    };
    auto const built = r.build(k, two());
    REQUIRE(built.has_value());
    REQUIRE(built->failed.size() == 1);
    CHECK(built->failed[0].service == "dicom");
    CHECK(built->failed[0].reason ==
          "this kernel has no scheduler wlc; load the module with \"modprobe ip_vs_wlc\", or choose another balance");
    CHECK(k.find(key_of("192.0.2.1", 80)) != nullptr);
    CHECK(k.dumps == 2); // bounded
}

TEST_CASE("whichever message fails, the next apply completes the table") {
    for (std::size_t n = 1; n <= 6; ++n) {
        CAPTURE(n);
        memory_kernel k;
        reconciler r;
        std::size_t count = 0;
        k.fault = [&](bytes const&) { return ++count == n ? ENOMEM : 0; };
        auto const built = r.build(k, two());
        REQUIRE(built.has_value());
        CHECK(built->failed.empty()); // the second round made up for it
        CHECK(plan(two(), k.table, {}).empty());
    }
}

TEST_CASE("a lasting failure is reported with the kernel's words") {
    memory_kernel k;
    reconciler r;
    k.fault = [](bytes const& m) { return is_command(m, command::new_destination) ? EINVAL : 0; };
    auto const built = r.build(k, table_of({service_with("web", key_of("192.0.2.1", 80))}));
    REQUIRE(built->failed.size() == 1);
    CHECK(built->failed[0].reason ==
          "the kernel refused \"server 198.51.100.1 198.51.100.1:80 dr weight 100 added\": Invalid argument");
}
