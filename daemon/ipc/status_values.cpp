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

json::object pack(balance::exchanges const& e) {
    json::object out;
    for (std::size_t i = 0; i < e.answers.size(); ++i) {
        out[std::to_string(i + 1) + "xx"] = e.answers[i];
    }
    out["refused"] = e.refused;
    out["no_server"] = e.no_server;
    out["no_room"] = e.no_room;
    out["unreachable"] = e.unreachable;
    out["broken"] = e.broken;
    out["late"] = e.late;
    out["time"] = pack(e.time);
    return out;
}

json::object pack(balance::percentiles const& p) {
    return {{"count", p.count}, {"p50_us", p.p50.count()}, {"p90_us", p.p90.count()}, {"p99_us", p.p99.count()}};
}

template <>
balance::result<balance::percentiles> unpack(json::value const& v) {
    fields from(v);
    using us = std::chrono::microseconds;
    balance::percentiles p{from.number<std::uint64_t>("count"), us(from.number<std::int64_t>("p50_us")),
                           us(from.number<std::int64_t>("p90_us")), us(from.number<std::int64_t>("p99_us"))};
    return from.make(p);
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

balance::percentiles percentiles_of(fields& parent) {
    auto p = unpack<balance::percentiles>(parent.any("time"));
    if (!p) {
        parent.wrong("time", "an object of numbers");
        return {};
    }
    return *p;
}

balance::exchanges exchanges_of(fields& parent) {
    fields from(parent.any("exchanges"));
    balance::exchanges e;
    for (std::size_t i = 0; i < e.answers.size(); ++i) {
        e.answers[i] = from.number<std::uint64_t>(std::to_string(i + 1) + "xx");
    }
    e.refused = from.number<std::uint64_t>("refused");
    e.no_server = from.number<std::uint64_t>("no_server");
    e.no_room = from.number<std::uint64_t>("no_room");
    e.unreachable = from.number<std::uint64_t>("unreachable");
    e.broken = from.number<std::uint64_t>("broken");
    e.late = from.number<std::uint64_t>("late");
    e.time = percentiles_of(from);
    if (!from.make(true)) {
        parent.wrong("exchanges", "an object of numbers");
    }
    return e;
}

json::object pack(balance::server_status const& s) {
    return {{"name", s.name},
            {"active", s.active_connections},
            {"inactive", s.inactive_connections},
            {"counters", pack(s.counters)},
            {"exchanges", ipc::pack(s.exchanges)}};
}

} // namespace

template <>
balance::result<balance::server_status> unpack(json::value const& v) {
    fields from(v);
    balance::server_status s{from.text("name"), from.number<std::uint32_t>("active"),
                             from.number<std::uint32_t>("inactive"), counters_of(from),
                             exchanges_of(from)};
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
            {"exchanges", pack(s.exchanges)},
            {"servers", std::move(servers)}};
}

template <>
balance::result<balance::service_status> unpack(json::value const& v) {
    fields from(v);
    balance::service_status s{
        from.text("name"), from.text("not_served"), from.truth("fallback_active"),
        from.number<std::uint32_t>("waiting"), counters_of(from), exchanges_of(from), {}};
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
