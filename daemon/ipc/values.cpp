// SPDX-License-Identifier: Apache-2.0
#include "ipc/values.hpp"

#include "ipc/base64.hpp"
#include "ipc/fields.hpp"

#include <balance/text.hpp>

namespace dyad::ipc {

namespace json = boost::json;

namespace {

balance::health health_of(fields& from) {
    auto const word = from.text("health");
    for (auto const h : {balance::health::unknown, balance::health::up, balance::health::down}) {
        if (word == balance::to_string(h)) {
            return h;
        }
    }
    from.wrong("health", "up, down or unknown");
    return balance::health::unknown;
}

balance::server_key key_of(fields& from) { return {from.text("service"), from.text("server")}; }

balance::check_result result_of(fields& from) {
    return {from.truth("success"), from.text("reason"), from.duration("latency_ms")};
}

balance::agent_view agent_of(fields& from) { return {from.number<std::uint16_t>("share"), from.text("agent"), from.number<std::uint32_t>("most_connections")}; }

json::object pack(balance::server_key const& key, balance::health h, balance::check_result const& last,
                  balance::agent_view const& agent) {
    return {{"service", key.service},  {"server", key.server},  {"health", balance::to_string(h)},
            {"success", last.success}, {"reason", last.reason}, {"latency_ms", last.latency.count()},
            {"share", agent.share},    {"agent", agent.said},     {"most_connections", agent.most_connections}};
}

} // namespace

json::object pack(balance::endpoint const& e) { return {{"address", e.address.to_string()}, {"port", e.port}}; }

template <>
balance::result<balance::endpoint> unpack(json::value const& v) {
    fields from(v);
    balance::endpoint e{from.address("address"), from.number<std::uint16_t>("port")};
    return from.make(std::move(e));
}

json::object pack(balance::server_key const& k) { return {{"service", k.service}, {"server", k.server}}; }

template <>
balance::result<balance::server_key> unpack(json::value const& v) {
    fields from(v);
    auto key = key_of(from);
    return from.make(std::move(key));
}

json::object pack(error_report const& r) {
    return {{"service", r.key.service}, {"server", r.key.server}, {"reason", r.reason}, {"take_down", r.take_down}};
}

template <>
balance::result<error_report> unpack(json::value const& v) {
    fields from(v);
    error_report r{key_of(from), from.text("reason"), from.truth("take_down")};
    return from.make(std::move(r));
}

json::object pack(last_result const& r) {
    return {{"service", r.key.service}, {"server", r.key.server}, {"reason", r.reason}, {"latency_ms", r.latency.count()}};
}

template <>
balance::result<last_result> unpack(json::value const& v) {
    fields from(v);
    last_result r{key_of(from), from.text("reason"), from.duration("latency_ms")};
    return from.make(std::move(r));
}

json::object pack(mark const& m) { return {{"service", m.first}, {"mark", m.second}}; }

template <>
balance::result<mark> unpack(json::value const& v) {
    fields from(v);
    mark m{from.text("service"), from.number<std::uint32_t>("mark")};
    return from.make(std::move(m));
}

json::object pack(balance::server_state const& s) {
    // Thousands of them go in one message: what is as usual is left out.
    static balance::server_state const usual;
    json::object out{{"service", s.key.service}, {"server", s.key.server}, {"health", balance::to_string(s.health)}};
    if (s.admin != usual.admin) {
        out["admin"] = balance::to_string(s.admin);
    }
    if (s.share != usual.share) {
        out["share"] = s.share;
    }
    if (s.cut) {
        out["cut"] = true;
    }
    if (s.most_connections != usual.most_connections) {
        out["most_connections"] = s.most_connections;
    }
    return out;
}

template <>
balance::result<balance::server_state> unpack(json::value const& v) {
    fields from(v);
    balance::server_state s{key_of(from), health_of(from), balance::admin_state::online};
    if (from.has("admin")) {
        auto const admin = balance::parse_admin_state(from.text("admin"));
        if (!admin) {
            from.wrong("admin", "online, drain or halt");
        } else {
            s.admin = *admin;
        }
    }
    s.share = from.has("share") ? from.number<std::uint16_t>("share") : s.share;
    s.cut = from.has("cut") && from.truth("cut");
    s.most_connections = from.has("most_connections") ? from.number<std::uint32_t>("most_connections") : s.most_connections;
    return from.make(std::move(s));
}

json::object pack(balance::health_event const& e) { return pack(e.key, e.health, e.last, e.agent); }

template <>
balance::result<balance::health_event> unpack(json::value const& v) {
    fields from(v);
    balance::health_event e{key_of(from), health_of(from), result_of(from), agent_of(from)};
    return from.make(std::move(e));
}

json::object pack(balance::persistence_entry const& e) {
    return {{"service", e.service},
            {"client", e.client.to_string()},
            {"server", e.server},
            {"sequence", e.sequence},
            {"remaining_ms", e.remaining.count()}};
}

template <>
balance::result<balance::persistence_entry> unpack(json::value const& v) {
    fields from(v);
    balance::persistence_entry e{from.text("service"), from.address("client"), from.text("server"),
                                 from.number<std::uint64_t>("sequence"), from.duration("remaining_ms")};
    return from.make(std::move(e));
}

json::object pack(cluster::floating_address const& f) {
    return {{"address", f.address.to_string()}, {"interface", f.interface}};
}

template <>
balance::result<cluster::floating_address> unpack(json::value const& v) {
    fields from(v);
    cluster::floating_address f{from.address("address"), from.text("interface")};
    return from.make(std::move(f));
}

json::object pack(cluster::sealed_datagram const& d) {
    return {{"local", d.local.address.to_string()},
            {"local_port", d.local.port},
            {"peer", d.peer.address.to_string()},
            {"peer_port", d.peer.port},
            {"interface", d.interface},
            {"bytes", to_base64(d.bytes)}};
}

template <>
balance::result<cluster::sealed_datagram> unpack(json::value const& v) {
    fields from(v);
    cluster::sealed_datagram d{{from.address("local"), from.number<std::uint16_t>("local_port")},
                               {from.address("peer"), from.number<std::uint16_t>("peer_port")},
                               from.text("interface"),
                               {}};
    auto bytes = from_base64(from.text("bytes"));
    if (!bytes) {
        from.wrong("bytes", "base64");
    } else {
        d.bytes = std::move(*bytes);
    }
    return from.make(std::move(d));
}

} // namespace dyad::ipc
