// SPDX-License-Identifier: Apache-2.0
#include <cli/document.hpp>
#include <cli/status_view.hpp>
#include <cli/table.hpp>

namespace dyad::cli {
namespace {

namespace json = boost::json;

colour colour_of_state(std::string const& state) {
    return state == "active" ? colour::green : state == "stopped" ? colour::red : colour::none;
}

std::string node_lines(json::object const& status, bool colours) {
    auto const& node = object(status, "node");
    auto const state = text(node, "state");
    std::string out = text(node, "name") + " (" + text(node, "role") + ") is " +
                      painted(state, colour_of_state(state), colours) + " for " +
                      age_text(number(node, "in_state_ms")) + ", epoch " + text(node, "epoch") + "; dyadd " +
                      text(node, "version") + " runs for " + age_text(number(node, "uptime_ms")) + '\n';
    if (flag(node, "maintenance")) {
        out += painted("MAINTENANCE: this node does not become active; `dyad maintenance off` ends it", colour::red,
                       colours) +
               '\n';
    }
    if (flag(node, "unsteady")) {
        auto const left = number(node, "steady_in_ms");
        out += painted("UNSTEADY: the addresses moved unplanned too often, so there is no failback and no move for ping nodes " +
                           (left > 0 ? "for " + age_text(left) : std::string("until the peer says that they kept still")) +
                           "; see `dyad events`",
                       colour::red, colours) +
               '\n';
    }
    if (flag(node, "held_back")) {
        out += painted("HELD BACK: the peer is silent, but no ping node answers this node either, so it takes nothing "
                       "(no_takeover_without_ping); repair the network, or `dyad takeover` if the peer is surely down",
                       colour::red, colours) +
               '\n';
    }
    if (!flag(node, "ready")) {
        out +=
            painted("not ready: services are still being set up, so it could not serve yet", colour::yellow, colours) +
            '\n';
    }
    return out;
}

std::string peer_line(json::object const& status, bool colours) {
    auto const* v = status.if_contains("peer");
    if (v == nullptr || !v->is_object()) {
        return "no peer: this node runs alone\n";
    }
    auto const& peer = v->get_object();
    auto const name = text(peer, "name");
    auto const who = "peer" + (name.empty() ? "" : ' ' + name);
    if (!flag(peer, "known")) {
        return painted(who + " was not heard since the start", colour::yellow, colours) + '\n';
    }
    if (!flag(peer, "alive")) {
        return painted(who + " is silent for " + age_text(number(peer, "silence_ms")), colour::red, colours) + '\n';
    }
    return who + " is " + text(peer, "state") + (flag(peer, "ready") ? "" : ", not ready") + ", heard " +
           age_text(number(peer, "silence_ms")) + " ago" + (flag(peer, "maintenance") ? ", IN MAINTENANCE" : "") + '\n';
}

std::string config_line(json::object const& status, bool colours, std::int64_t now) {
    auto const& c = object(status, "config");
    auto const& replication = object(c, "replication");
    std::string out = "configuration " + text(c, "term") + '.' + text(c, "generation");
    if (auto const at = number(c, "applied_at"); at > 0) {
        out += " applied " + age_text((now - at) * 1000) + " ago";
    }
    if (auto const who = text(c, "applied_by"); !who.empty()) {
        out += " by " + who;
    }
    auto const* peer = status.if_contains("peer");
    if (peer != nullptr && peer->is_object()) {
        auto const error = text(replication, "error");
        out += flag(c, "in_sync")
                   ? "; the peer has the same"
                   : painted("; the peer is NOT in sync" + (error.empty() ? "" : ": " + error), colour::red, colours);
    }
    if (auto const* waits = c.if_contains("confirmation"); waits != nullptr && waits->is_object()) {
        auto const& w = waits->get_object();
        out += painted("; NOT CONFIRMED: " + text(w, "back_to") + " comes back in " + age_text(number(w, "left_ms")) +
                           ", unless `dyad confirm` stops that",
                       colour::red, colours);
    }
    if (flag(c, "edited")) {
        out += painted("; edited, not applied", colour::yellow, colours);
    }
    return out + '\n';
}

/// Of layer 7's persistence tables; nothing where nobody is remembered.
std::string tables_line(json::object const& status, bool colours) {
    auto const& tables = object(object(status, "config"), "tables");
    auto const entries = number(tables, "entries");
    if (entries == 0) {
        return {};
    }
    auto const* peer = status.if_contains("peer");
    bool const paired = peer != nullptr && peer->is_object();
    return "persistence " + std::to_string(entries) + (entries == 1 ? " client is remembered" : " clients are remembered") +
           (!paired ? "" : flag(tables, "in_sync") ? "; the peer has the same" : painted("; the peer does NOT have all of them", colour::yellow, colours)) +
           '\n';
}

std::string processes_line(json::object const& status) {
    std::string out;
    for (auto const& v : array(status, "processes")) {
        auto const& p = item(v);
        out += (out.empty() ? "processes: " : ", ") + text(p, "name") + ' ' + text(p, "pid");
        if (auto const n = number(p, "restarts"); n > 0) {
            out += " (restarted " + std::to_string(n) + (n == 1 ? " time, " : " times, ") +
                   age_text(number(p, "up_ms")) + " ago)";
        }
    }
    return out.empty() ? out : out + '\n';
}

std::string retiring_lines(json::object const& status) {
    std::string out;
    for (auto const& v : array(status, "retiring_proxies")) {
        auto const& p = item(v);
        auto const left = number(p, "connections");
        out += "replaced proxy " + text(p, "pid") + " finishes " + std::to_string(left) + (left == 1 ? " connection" : " connections") +
               ", since " + age_text(number(p, "since_ms")) + '\n';
    }
    return out;
}

std::string links_table(json::object const& status, bool colours) {
    table t({{"LINK", 20},
             {"STATE"},
             {"HEARD"},
             {"RECEIVED", 40, true},
             {"SENT", 40, true},
             {"LOST", 40, true},
             {"REJECTED", 40, true}});
    for (auto const& v : array(status, "links")) {
        auto const& l = item(v);
        bool const alive = flag(l, "alive");
        table::cell const state = !flag(l, "usable")       ? table::cell{"unusable", colour::red}
                                  : !alive                 ? table::cell{"silent", colour::red}
                                  : !flag(l, "peer_hears") ? table::cell{"one-way", colour::yellow}
                                                           : table::cell{"alive", colour::green};
        auto const heard =
            number(l, "received") == 0 ? std::string("never") : age_text(number(l, "silence_ms")) + " ago";
        t.row({{text(l, "name")},
               state,
               {heard},
               {text(l, "received")},
               {text(l, "sent")},
               {text(l, "lost")},
               {text(l, "rejected")}});
    }
    return t.empty() ? std::string{} : '\n' + t.text(colours);
}

std::string addresses_table(json::object const& status, bool colours) {
    table t({{"FLOATING ADDRESS", 40}, {"INTERFACE", 20}, {"HERE"}});
    for (auto const& v : array(status, "addresses")) {
        auto const& a = item(v);
        bool const here = flag(a, "here");
        t.row(
            {{text(a, "address")}, {text(a, "interface")}, {here ? "yes" : "no", here ? colour::green : colour::none}});
    }
    return t.empty() ? std::string{} : '\n' + t.text(colours);
}

} // namespace

std::string status_text(json::object const& status, bool colours, std::int64_t now) {
    std::string out = node_lines(status, colours) + peer_line(status, colours) + config_line(status, colours, now) + tables_line(status, colours);
    if (auto const& key = object(status, "key"); flag(key, "replaced")) {
        out += painted("key rotation under way: waits for " + text(key, "waits_for"), colour::yellow, colours) + '\n';
    }
    auto const& pings = object(status, "pings");
    if (auto const configured = number(pings, "configured"); configured > 0) {
        out += "ping nodes: " + text(pings, "answering") + " of " + std::to_string(configured) + " answer\n";
    }
    auto const* service_ok = status.if_contains("service_ok");
    if (service_ok != nullptr && service_ok->is_bool() && !service_ok->get_bool()) {
        out += painted("an interface of the floating addresses has no carrier", colour::red, colours) + '\n';
    }
    out += processes_line(status) + retiring_lines(status) + links_table(status, colours) + addresses_table(status, colours);
    if (auto const& services = array(status, "services"); !services.empty()) {
        out += '\n' + services_text(services, colours);
    }
    auto const& hints = array(status, "hints");
    for (std::size_t i = 0; i < hints.size(); ++i) {
        if (hints[i].is_string()) {
            out += (i == 0 ? "\nnext: " : "next: ") + printable(hints[i].get_string()) + '\n';
        }
    }
    return out;
}

} // namespace dyad::cli
