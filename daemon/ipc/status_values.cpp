// SPDX-License-Identifier: Apache-2.0
#include "ipc/fields.hpp"
#include "ipc/values.hpp"

namespace dyad::ipc {

namespace json = boost::json;

json::object pack(balance::rates const& r) {
    return {{"connections", r.connections},
            {"in_packets", r.in_packets},
            {"out_packets", r.out_packets},
            {"in_bytes", r.in_bytes},
            {"out_bytes", r.out_bytes}};
}

namespace {

json::object pack(balance::counters const& c) {
    return {{"connections", c.connections}, {"in_packets", c.in_packets}, {"out_packets", c.out_packets},
            {"in_bytes", c.in_bytes},       {"out_bytes", c.out_bytes},   {"per_second", ipc::pack(c.per_second)}};
}

balance::rates rates_of(fields& parent) {
    fields from(parent.any("per_second"));
    balance::rates r{from.number<std::uint64_t>("connections"), from.number<std::uint64_t>("in_packets"),
                     from.number<std::uint64_t>("out_packets"), from.number<std::uint64_t>("in_bytes"),
                     from.number<std::uint64_t>("out_bytes")};
    if (!from.make(true)) {
        parent.wrong("per_second", "an object of numbers");
    }
    return r;
}

balance::counters counters_of(fields& parent) {
    fields from(parent.any("counters"));
    balance::counters c{from.number<std::uint64_t>("connections"), from.number<std::uint64_t>("in_packets"),
                        from.number<std::uint64_t>("out_packets"), from.number<std::uint64_t>("in_bytes"),
                        from.number<std::uint64_t>("out_bytes"),   rates_of(from)};
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
            {"fallback_active", s.fallback_active},
            {"waiting", s.waiting},
            {"counters", pack(s.counters)},
            {"servers", std::move(servers)}};
}

template <>
balance::result<balance::service_status> unpack(json::value const& v) {
    fields from(v);
    balance::service_status s{
        from.text("name"), from.text("not_served"), from.truth("fallback_active"),
        from.number<std::uint32_t>("waiting"), counters_of(from), {}};
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
