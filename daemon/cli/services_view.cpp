// SPDX-License-Identifier: Apache-2.0
#include <cli/document.hpp>
#include <cli/status_view.hpp>
#include <cli/table.hpp>

namespace dyad::cli {
namespace {

namespace json = boost::json;

/// What an operator's word makes of a server wins over what its check says.
table::cell state_of(json::object const& server) {
    auto const admin = text(server, "admin");
    auto const health = text(server, "health");
    if (!admin.empty() && admin != "online") {
        return {admin + (health == "up" ? "" : ", " + health), colour::yellow};
    }
    if (health == "up" && server.contains("share") && number(server, "share") == 0) {
        return {"up, agent drains", colour::yellow};
    }
    return {health, health == "up" ? colour::green : health == "down" ? colour::red : colour::yellow};
}

/// Do the two nodes know, and not agree?
bool differs(json::object const& server) {
    auto const here = text(server, "health");
    auto const there = text(server, "peer_health");
    return (here == "up" && there == "down") || (here == "down" && there == "up");
}

std::string note_of(json::object const& server) {
    auto const reason = text(server, "reason");
    if (auto const there = text(server, "peer_health"); differs(server)) {
        return there + " on the peer: " + text(server, there == "down" ? "peer_reason" : "reason");
    }
    if (server.contains("share") && number(server, "share") < 100 && text(server, "health") == "up") {
        return text(server, "agent");
    }
    if (reason.empty() || (text(server, "health") == "up" && text(server, "admin") != "halt")) {
        return {};
    }
    auto const since = number(server, "since_change_ms");
    return reason + (since > 0 ? " (for " + age_text(since) + ")" : "");
}

/// The configured weight, and how much of it the agent allows.
std::string weight_of(json::object const& server) {
    bool const lowered = server.contains("share") && number(server, "share") < 100;
    return text(server, "weight") + (lowered ? " x " + text(server, "share") + "%" : "");
}

/// How many of a service's servers get new connections.
table::cell summary_of(json::object const& service) {
    if (!text(service, "not_served").empty()) {
        return {"not served", colour::red};
    }
    std::size_t usable = 0;
    auto const& servers = array(service, "servers");
    for (auto const& s : servers) {
        usable += text(item(s), "health") == "up" && text(item(s), "admin") == "online" && (!item(s).contains("share") || number(item(s), "share") > 0)
                      ? 1U
                      : 0U;
    }
    auto const words = std::to_string(usable) + '/' + std::to_string(servers.size()) + " up";
    return {words, usable == 0 ? colour::red : usable == servers.size() ? colour::green : colour::yellow};
}

table::cell note_of_service(json::object const& service) {
    if (auto const waiting = number(service, "waiting"); waiting > 0) {
        return {std::to_string(waiting) + (waiting == 1 ? " client waits" : " clients wait") + " for room at a server", colour::yellow};
    }
    if (flag(service, "fallback_active")) {
        return {"no server left: the fallback answers", colour::yellow};
    }
    return {text(service, "not_served"), colour::red};
}

std::string ports_of(json::object const& service) {
    auto const mark = number(service, "firewall_mark");
    auto const ports = text(service, "ports");
    return mark == 0 ? ports : "mark " + std::to_string(mark) + (ports.empty() ? "" : " (" + ports + ")");
}

} // namespace

std::string services_text(json::array const& services, bool colours) {
    table t({{"SERVICE", 34},
             {"ADDRESS", 39},
             {"PORTS", 24},
             {"PROTO"},
             {"MODE"},
             {"BALANCE"},
             {"WEIGHT", 40, true},
             {"STATE"},
             {"ACTIVE", 40, true},
             {"INACTIVE", 40, true},
             {"CONN/S", 40, true},
             {"TOTAL", 40, true},
             {"IN", 40, true},
             {"OUT", 40, true},
             {"NOTE", 100}});
    for (auto const& v : services) {
        auto const& s = item(v);
        std::int64_t active = 0;
        std::int64_t inactive = 0;
        for (auto const& r : array(s, "servers")) {
            active += number(item(r), "active");
            inactive += number(item(r), "inactive");
        }
        t.row({{text(s, "name")},
               {text(s, "address")},
               {ports_of(s)},
               {text(s, "protocol")},
               {text(s, "mode")},
               {text(s, "balance")},
               {},
               summary_of(s),
               {std::to_string(active)},
               {std::to_string(inactive)},
               {text(object(s, "per_second"), "connections")},
               {text(s, "connections")},
               {size_text(number(s, "in_bytes"))},
               {size_text(number(s, "out_bytes"))},
               note_of_service(s)});
        for (auto const& r : array(s, "servers")) {
            auto const& server = item(r);
            auto const port = number(server, "port");
            t.row({{"  " + text(server, "name")},
                   {text(server, "address")},
                   {port == 0 ? "" : std::to_string(port)},
                   {},
                   {},
                   {},
                   {weight_of(server)},
                   state_of(server),
                   {text(server, "active")},
                   {text(server, "inactive")},
                   {text(object(server, "per_second"), "connections")},
                   {text(server, "connections")},
                   {size_text(number(server, "in_bytes"))},
                   {size_text(number(server, "out_bytes"))},
                   {note_of(server)}});
        }
    }
    return t.text(colours);
}

namespace {

/// Counters and rates, which the overview has no room for.
std::string traffic_text(json::object const& service) {
    table t({{"TRAFFIC", 34},
             {"PACKETS IN", 40, true},
             {"OUT", 40, true},
             {"BYTES IN", 40, true},
             {"OUT", 40, true},
             {"PACKETS/S IN", 40, true},
             {"OUT", 40, true},
             {"BYTES/S IN", 40, true},
             {"OUT", 40, true}});
    auto const row = [&t](std::string const& name, json::object const& of) {
        auto const& now = object(of, "per_second");
        t.row({{name},
               {text(of, "in_packets")},
               {text(of, "out_packets")},
               {size_text(number(of, "in_bytes"))},
               {size_text(number(of, "out_bytes"))},
               {text(now, "in_packets")},
               {text(now, "out_packets")},
               {size_text(number(now, "in_bytes"))},
               {size_text(number(now, "out_bytes"))}});
    };
    row(text(service, "name"), service);
    for (auto const& r : array(service, "servers")) {
        row("  " + text(item(r), "name"), item(r));
    }
    return t.text(false);
}

/// How many connections it may have; empty: as many as come.
std::string limit_of(json::object const& server) {
    auto const configured = number(server, "max_connections");
    auto const agents = number(server, "agent_max_connections");
    if (agents != 0 && (configured == 0 || agents < configured)) {
        return std::to_string(agents) + " connections, as its agent says" +
               (configured == 0 ? "" : " (configured: " + std::to_string(configured) + ")");
    }
    return configured == 0 ? std::string() : std::to_string(configured) + " connections";
}

std::string server_detail(json::object const& service, json::object const& server) {
    table t({{"SERVER", 40}, {text(service, "name") + '/' + text(server, "name"), 200}});
    auto const port = number(server, "port");
    auto const latency = text(server, "latency_ms");
    auto const reason = text(server, "reason");
    t.row({{"address"},
           {text(server, "address") + (port == 0 ? ", port as the client's" : ", port " + std::to_string(port))}});
    t.row({{"weight"}, {weight_of(server)}});
    if (auto const agent = text(server, "agent"); !agent.empty()) {
        t.row({{"agent"}, {agent}});
    }
    t.row({{"health"}, {text(server, "health") + " for " + age_text(number(server, "since_change_ms"))}});
    if (auto const there = text(server, "peer_health"); !there.empty()) {
        auto const why = text(server, "peer_reason");
        t.row({{"on the peer"}, {there + (why.empty() ? "" : ": " + why), differs(server) ? colour::red : colour::none}});
    }
    if (auto const most = limit_of(server); !most.empty()) {
        t.row({{"at most"}, {most}});
    }
    t.row({{"last check"}, {(reason.empty() ? "none yet" : reason) + (latency.empty() ? "" : ", " + latency + " ms")}});
    t.row({{"operator"}, {text(server, "admin")}});
    t.row({{"connections"},
           {text(server, "active") + " active, " + text(server, "inactive") + " inactive, " +
            text(server, "connections") + " in all"}});
    t.row({{"traffic"},
           {size_text(number(server, "in_bytes")) + " in, " + size_text(number(server, "out_bytes")) + " out"}});
    return t.text(false);
}

} // namespace

std::string history_text(json::object const& history, bool colours) {
    table t({{"CHECKS"},
             {"TIMES", 40, true},
             {"FIRST"},
             {"LAST"},
             {"LATENCY", 40, true},
             {"LONGEST", 40, true},
             {"REASON", 200},
             {"RECEIVED", 80}});
    for (auto const& v : array(history, "history")) {
        auto const& run = item(v);
        bool const up = flag(run, "success");
        t.row({{up ? "good" : "failed", up ? colour::green : colour::red},
               {text(run, "count")},
               {age_text(number(run, "since_first_ms")) + " ago"},
               {age_text(number(run, "since_last_ms")) + " ago"},
               {text(run, "latency_ms") + " ms"},
               {text(run, "longest_ms") + " ms"},
               {text(run, "reason")},
               {text(run, "received")}});
    }
    return t.empty() ? std::string() : "\n" + t.text(colours);
}

json::object detail_document(json::object const& status, std::string const& target) {
    auto const slash = target.find('/');
    for (auto const& v : array(status, "services")) {
        auto const& service = item(v);
        auto const* name = service.if_contains("name");
        if (name == nullptr || !name->is_string() || name->get_string() != target.substr(0, slash)) {
            continue;
        }
        if (slash == std::string::npos) {
            return service;
        }
        for (auto const& r : array(service, "servers")) {
            auto const* server = item(r).if_contains("name");
            if (server != nullptr && server->is_string() && server->get_string() == target.substr(slash + 1)) {
                return item(r);
            }
        }
    }
    return {};
}

std::string detail_text(json::object const& status, std::string const& target, bool colours) {
    auto const found = detail_document(status, target);
    if (found.empty()) {
        return {};
    }
    auto const slash = target.find('/');
    if (slash == std::string::npos) {
        return services_text(json::array{found}, colours) + "\n" +
               (number(found, "layer") == 7 ? exchanges_text(found) : traffic_text(found));
    }
    return server_detail(detail_document(status, target.substr(0, slash)), found);
}

} // namespace dyad::cli
