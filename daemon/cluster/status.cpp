// SPDX-License-Identifier: Apache-2.0
#include "cluster/status.hpp"

#include "ipc/values.hpp"

#include <balance/text.hpp>
#include <balance/validate.hpp>

#include <boost/json/array.hpp>

#include <algorithm>

namespace dyad {

namespace json = boost::json;

namespace {

/// Of checks that begin late; a server that died is taken out so much later.
constexpr std::chrono::milliseconds noticeable_lateness{100};

json::object node_json(overview const& o) {
    auto const& n = o.node;
    return {{"name", o.self.name},
            {"role", cluster::to_string(o.role)},
            {"state", cluster::to_string(n.state)},
            {"in_state_ms", n.in_state.count()},
            {"epoch", std::to_string(n.epoch.counter) + "/" + std::string(cluster::to_string(n.epoch.owner))},
            {"maintenance", n.maintenance},
            {"ready", o.ready},
            {"unplanned_moves", n.unplanned_moves},
            {"unsteady", n.unsteady},
            {"steady_in_ms", n.steady_in.count()},
            {"held_back", n.held_back},
            {"version", DYAD_VERSION},
            {"uptime_ms", o.now_ms - o.started_ms},
            {"config_dir", o.config_dir}};
}

json::value peer_json(overview const& o) {
    auto const& n = o.node;
    if (n.links.empty()) {
        return nullptr;
    }
    return json::object{{"name", n.peer_name},
                        {"known", n.peer_known},
                        {"alive", n.peer_alive},
                        {"state", cluster::to_string(n.peer.state)},
                        {"silence_ms", n.peer_silence.count()},
                        {"maintenance", n.peer.maintenance},
                        {"ready", n.peer.ready},
                        {"term", n.peer_config.term},
                        {"generation", n.peer_config.generation},
                        {"version", o.replication ? o.replication->peer_release : ""}};
}

json::array links_json(cluster::node_status const& n) {
    json::array links;
    for (auto const& link : n.links) {
        links.push_back(json::object{{"name", link.name},
                                     {"usable", link.usable},
                                     {"alive", link.alive},
                                     {"peer_hears", link.peer_hears},
                                     {"silence_ms", link.silence.count()},
                                     {"received", link.received},
                                     {"sent", link.sent},
                                     {"lost", link.lost},
                                     {"rejected", link.rejected}});
    }
    return links;
}

json::array addresses_json(overview const& o) {
    json::array addresses;
    for (auto const& wanted : place(o.running.cluster, o.self)) {
        auto const held = std::find_if(o.node.held.begin(), o.node.held.end(),
                                       [&](auto const& h) { return h.address == wanted.address; });
        bool const here = held != o.node.held.end();
        addresses.push_back(json::object{{"address", wanted.address.to_string()},
                                         {"interface", here ? held->interface : wanted.interface},
                                         {"here", here}});
    }
    return addresses;
}

json::value confirmation_json(overview const& o) {
    if (!o.unconfirmed) {
        return nullptr;
    }
    return json::object{{"left_ms", o.confirm_left.count()},
                        {"period_ms", o.unconfirmed->period.count()},
                        {"back_to", version_text(o.unconfirmed->back_to)}};
}

json::object config_json(overview const& o) {
    auto const& g = o.running.generation;
    json::object replication{{"connected", o.replication && o.replication->connected},
                             {"error", o.replication ? o.replication->last_error : ""}};
    return {{"term", g.version.term},
            {"generation", g.version.generation},
            {"hash", hex(o.running.hash)},
            {"applied_by", g.applied_by},
            {"applied_at", g.applied_at},
            {"confirmation", confirmation_json(o)},
            {"edited", !o.edited.empty()},
            {"in_sync", o.replication && o.replication->in_sync},
            {"tables", json::object{{"entries", o.remembered_clients}, {"in_sync", o.tables_in_sync}}},
            {"replication", std::move(replication)}};
}

json::array hints_json(overview const& o) {
    json::array hints;
    if (o.node.links.empty()) {
        hints.emplace_back("this node runs alone: run 'dyad pair-token' on another node and 'dyad pair' with its address "
                           "here to make a pair");
    }
    if (!o.edited.empty()) {
        hints.emplace_back(o.edited);
    }
    if (o.unconfirmed) {
        hints.emplace_back("the running configuration is not confirmed: without 'dyad confirm' on the primary, " +
                           version_text(o.unconfirmed->back_to) + " comes back by itself");
    }
    if (o.node.maintenance) {
        hints.emplace_back("this node is in maintenance and will not take over: 'dyad maintenance off' ends it");
    }
    if (!o.node.links.empty() && o.node.peer.maintenance) {
        hints.emplace_back("the peer is in maintenance and will not take over");
    }
    if (o.replication && o.replication->connected && o.replication->peer_release != DYAD_VERSION) {
        auto const& theirs = o.replication->peer_release;
        hints.emplace_back("the peer runs " + (theirs.empty() ? "an older release" : "dyadd " + theirs) +
                           ", this node dyadd " DYAD_VERSION "; upgrade the node with the older one");
    }
    if (!o.relay_error.empty()) {
        hints.emplace_back("layer-4 connections would not survive a failover: " + o.relay_error);
    }
    if (o.checks_late.p99 > noticeable_lateness) {
        auto const late = std::chrono::round<std::chrono::milliseconds>(o.checks_late.p99);
        hints.emplace_back("one in a hundred health checks begins " + std::to_string(late.count()) +
                           " ms late or more: this machine is too busy for them; check less often, or give it a processor");
    }
    for (auto const& link : o.node.links) {
        if (link.alive && !link.peer_hears) {
            hints.emplace_back("link " + link.name + " works one way only: the peer does not hear this node on it");
        }
    }
    if (auto const text = disagreement(o.servers, o.peer_health); !text.empty()) {
        hints.emplace_back(text);
    }
    return hints;
}

json::object connection_sync_json(overview const& o) {
    auto const counted = o.relay ? o.relay->counted() : connection_relay::numbers{};
    return {{"running", o.relay != nullptr},
            {"sent", counted.sent},
            {"received", counted.received},
            {"translations_sent", o.translations.sent},
            {"translations_received", o.translations.received},
            {"error", o.relay_error}};
}

json::object server_json(balance::virtual_service const& service, balance::real_server const& server,
                         balance::service_status const* counted, overview const& o) {
    auto const* known = o.servers.find({service.name, server.name});
    balance::server_status none;
    auto const* numbers = &none;
    if (counted) {
        auto const found = std::find_if(counted->servers.begin(), counted->servers.end(),
                                        [&](auto const& s) { return s.name == server.name; });
        numbers = found == counted->servers.end() ? &none : &*found;
    }
    return {{"name", server.name},
            {"address", server.address.to_string()},
            {"port", server.port},
            {"weight", server.weight},
            {"health", balance::to_string(known ? known->state.health : balance::health::unknown)},
            {"admin", balance::to_string(known ? known->state.admin : balance::admin_state::online)},
            {"share", known ? known->state.share : 100},
            {"agent", known ? known->agent : ""},
            {"max_connections", server.max_connections},
            {"agent_max_connections", known ? known->state.most_connections : 0},
            {"peer_health", known ? o.peer_health.text_of(*known) : ""},
            {"peer_reason", known ? o.peer_health.reason_of(*known) : ""},
            {"reason", known ? known->reason : ""},
            {"latency_ms", known ? known->latency_ms : 0},
            {"since_change_ms", known ? o.now_ms - known->changed_at_ms : 0},
            {"active", numbers->active_connections},
            {"inactive", numbers->inactive_connections},
            {"connections", numbers->counters.connections},
            {"in_packets", numbers->counters.in_packets},
            {"out_packets", numbers->counters.out_packets},
            {"in_bytes", numbers->counters.in_bytes},
            {"out_bytes", numbers->counters.out_bytes},
            {"per_second", ipc::pack(numbers->counters.per_second)},
            {"exchanges", ipc::pack(numbers->exchanges)}};
}

/// Why the first of the service's sockets that could not be opened was not.
std::string not_listening(balance::virtual_service const& service, overview const& o) {
    for (auto const& [where, why] : o.not_listening) {
        auto const space = where.find(' ');
        auto const port = std::stoul(where.substr(where.rfind(' ') + 1));
        bool const ours = service.address && service.address->to_string() == where.substr(0, space) &&
                          std::any_of(service.ports.begin(), service.ports.end(),
                                      [port](auto const& r) { return r.first <= port && port <= r.last; });
        if (ours) {
            return where + ": " + why;
        }
    }
    return {};
}

json::object service_json(balance::virtual_service const& service, overview const& o) {
    bool const layer4 = balance::is_layer4(service.mode);
    auto const& list = layer4 ? o.layer4 : o.layer7;
    auto const found = std::find_if(list.begin(), list.end(), [&](auto const& s) { return s.name == service.name; });
    auto const* counted = found == list.end() ? nullptr : &*found;
    auto not_served = balance::not_served(service);
    if (not_served.empty() && counted) {
        not_served = counted->not_served;
    }
    if (not_served.empty() && !layer4) {
        not_served = not_listening(service, o);
    }
    json::array servers;
    for (auto const& server : service.servers) {
        servers.push_back(server_json(service, server, counted, o));
    }
    std::string ports;
    for (auto const& range : service.ports) {
        ports += (ports.empty() ? "" : ",") + balance::to_string(range);
    }
    auto const counters = counted ? counted->counters : balance::counters{};
    return {{"name", service.name},
            {"address", service.address ? service.address->to_string() : ""},
            {"ports", ports},
            {"firewall_mark", service.firewall_mark},
            {"protocol", balance::to_string(service.protocol)},
            {"mode", balance::to_string(service.mode)},
            {"layer", layer4 ? 4 : 7},
            {"balance", service.balance},
            {"not_served", not_served},
            {"fallback_active", counted != nullptr && counted->fallback_active},
            {"connections", counters.connections},
            {"in_packets", counters.in_packets},
            {"out_packets", counters.out_packets},
            {"in_bytes", counters.in_bytes},
            {"out_bytes", counters.out_bytes},
            {"per_second", ipc::pack(counters.per_second)},
            {"waiting", counted ? counted->waiting : 0},
            {"exchanges", ipc::pack(counted ? counted->exchanges : balance::exchanges{})},
            {"servers", std::move(servers)}};
}

} // namespace

json::object to_json(overview const& o) {
    json::array processes;
    for (auto const& p : o.processes) {
        processes.push_back(
            json::object{{"name", p.name}, {"pid", p.pid}, {"restarts", p.restarts}, {"up_ms", o.now_ms - p.since_ms}});
    }
    json::array retiring;
    for (auto const& p : o.retiring_proxies) {
        retiring.push_back(json::object{{"pid", p.pid}, {"connections", p.connections}, {"since_ms", o.now_ms - p.since_ms}});
    }
    json::array services;
    for (auto const& service : o.running.cluster.services.services) {
        services.push_back(service_json(service, o));
    }
    return {{"node", node_json(o)},
            {"peer", peer_json(o)},
            {"links", links_json(o.node)},
            {"pings", json::object{{"answering", o.node.pings_answering}, {"configured", o.node.pings_configured}}},
            {"service_ok", o.node.service_ok},
            {"addresses", addresses_json(o)},
            {"config", config_json(o)},
            {"key", json::object{{"replaced", !o.key_waits_for.empty()}, {"waits_for", o.key_waits_for}}},
            {"processes", std::move(processes)},
            {"retiring_proxies", std::move(retiring)},
            {"connection_sync", connection_sync_json(o)},
            {"checks", json::object{{"late", ipc::pack(o.checks_late)}}},
            {"hints", hints_json(o)},
            {"services", std::move(services)}};
}

} // namespace dyad
