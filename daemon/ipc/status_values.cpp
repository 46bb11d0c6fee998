// SPDX-License-Identifier: Apache-2.0
#include "ipc/fields.hpp"
#include "ipc/values.hpp"

namespace dyad::ipc {

namespace json = boost::json;

namespace {

json::object pack(balance::counters const& c) {
    return {{"connections", c.connections},
            {"in_packets", c.in_packets},
            {"out_packets", c.out_packets},
            {"in_bytes", c.in_bytes},
            {"out_bytes", c.out_bytes}};
}

balance::counters counters_of(fields& parent) {
    fields from(parent.any("counters"));
    balance::counters c{from.number<std::uint64_t>("connections"), from.number<std::uint64_t>("in_packets"),
                        from.number<std::uint64_t>("out_packets"), from.number<std::uint64_t>("in_bytes"),
                        from.number<std::uint64_t>("out_bytes")};
    if (!from.make(true)) {
        parent.wrong("counters", "an object of numbers");
    }
    return c;
}

json::object pack(balance::server_status const& s) {
    return {{"name", s.name},
            {"active", s.active_connections},
            {"inactive", s.inactive_connections},
            {"counters", pack(s.counters)}};
}

} // namespace

template <>
balance::result<balance::server_status> unpack(json::value const& v) {
    fields from(v);
    balance::server_status s{from.text("name"), from.number<std::uint32_t>("active"),
                             from.number<std::uint32_t>("inactive"), counters_of(from)};
    return from.make(std::move(s));
}

json::object pack(balance::service_status const& s) {
    json::array servers;
    servers.reserve(s.servers.size());
    for (auto const& server : s.servers) {
        servers.push_back(pack(server));
    }
    return {{"name", s.name},
            {"not_served", s.not_served},
            {"counters", pack(s.counters)},
            {"servers", std::move(servers)}};
}

template <>
balance::result<balance::service_status> unpack(json::value const& v) {
    fields from(v);
    balance::service_status s{from.text("name"), from.text("not_served"), counters_of(from), {}};
    if (auto const whole = from.make(true); !whole) {
        return whole.error();
    }
    auto servers = unpack_all<balance::server_status>(v.get_object(), "servers");
    if (!servers) {
        return servers.error();
    }
    s.servers = std::move(*servers);
    return s;
}

} // namespace dyad::ipc
