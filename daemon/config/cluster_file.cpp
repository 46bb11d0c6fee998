// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <algorithm>
#include <config/cluster_parts.hpp>
#include <config/words.hpp>
#include <set>

namespace dyad::config {

using namespace std::chrono_literals;
using balance::in_quotes;

namespace {

void check_timing(section const& s, cluster::timing const& t) {
    auto const say = [](std::chrono::milliseconds d) { return format_duration(d); };
    if (t.deadtime <= 2 * t.keepalive) {
        s.wrong("deadtime",
                "deadtime " + say(t.deadtime) + " is not longer than twice the keepalive " + say(t.keepalive) +
                    ", so one lost heartbeat would be a dead peer; make it longer than " + say(2 * t.keepalive));
    } else if (t.warntime <= t.keepalive || t.warntime > t.deadtime) {
        s.wrong("warntime", "warntime is " + say(t.warntime) + ", but must be longer than keepalive (" +
                                say(t.keepalive) + ") and not longer than deadtime (" + say(t.deadtime) + ")");
    }
    if (t.initdead < t.deadtime) {
        s.wrong("initdead", "initdead " + say(t.initdead) + " is shorter than deadtime " + say(t.deadtime) +
                                "; a node that just started must wait at least as long as any other");
    }
}

void read_floating(section const& root, cluster_config& out) {
    std::set<balance::address> seen;
    for (auto const& [text, s] : root.named("floating_ip", tables::floating_ip)) {
        auto const network = s.text("network").value_or("");
        auto const a = balance::parse_address(text);
        if (!a) {
            s.faults().add(s.path(), s.at(),
                           "floating_ip: " + a.error().detail + "; write it in quotes: [floating_ip.\"192.0.2.1\"]");
        } else if (a->is_unspecified() || a->is_multicast()) {
            s.faults().add(s.path(), s.at(), "floating_ip " + a->to_string() + " is no machine's address");
        } else if (!seen.insert(*a).second) {
            s.faults().add(s.path(), s.at(),
                           "floating_ip " + a->to_string() + " is there twice, written differently; keep one");
        } else {
            out.floating.push_back({*a, network});
        }
    }
}

void check_named_checks(value const& root, fault_list& faults) {
    std::set<std::string_view> used;
    for (auto const& s : root.below("service")) {
        used.insert(named_check_of(s.content));
    }
    for (auto const& check : root.below("check")) {
        if (check.content.type == value::kind::table && !used.contains(check.key)) {
            faults.add({"check", check.key}, check.at, "check " + in_quotes(check.key) + " is used by no service", true);
        }
    }
}

} // namespace

void read_heartbeat(section const& root, cluster_config& out) {
    auto const s = root.table("heartbeat", tables::heartbeat);
    if (!s) {
        return;
    }
    auto& t = out.timing;
    t.keepalive = s->duration("keepalive", 1ms, 10s).value_or(t.keepalive);
    t.deadtime = s->duration("deadtime", 2ms, 1h).value_or(t.deadtime);
    // Left out, they follow a deadtime that was changed alone.
    t.warntime = s->duration("warntime", 1ms, 1h).value_or((t.deadtime + 1ms) / 2);
    t.initdead = s->duration("initdead", 2ms, 1h).value_or(std::max<std::chrono::milliseconds>(5s, t.deadtime));
    t.auto_failback = s->flag("auto_failback").value_or(t.auto_failback);
    t.failback_hold = s->duration("failback_hold", 0s, 24h).value_or(t.failback_hold);
    t.flap_limit = static_cast<unsigned>(s->integer("flap_limit", 0, 20).value_or(t.flap_limit));
    t.flap_window = s->duration("flap_window", 1s, 24h).value_or(t.flap_window);
    if (auto const life = s->duration("address_lifetime", 1s, 60s)) {
        out.address_lifetime = std::chrono::duration_cast<std::chrono::seconds>(*life);
        if (out.address_lifetime != *life) {
            s->wrong("address_lifetime",
                     "address_lifetime is " + format_duration(*life) + ", but must be whole seconds");
        }
    }
    t.no_takeover_without_ping = s->flag("no_takeover_without_ping").value_or(t.no_takeover_without_ping);
    out.announce_rate = static_cast<unsigned>(s->integer("announce_rate", 10, 1'000'000).value_or(out.announce_rate));
    out.ping_nodes = s->address_list("ping_nodes");
    if (t.no_takeover_without_ping && out.ping_nodes.empty()) {
        s->wrong("no_takeover_without_ping", "no_takeover_without_ping has no ping_nodes to ask; name some, or leave it out");
    }
    if (out.ping_nodes.size() > 255) {
        s->wrong("ping_nodes",
                 "ping_nodes holds " + std::to_string(out.ping_nodes.size()) + " addresses; 255 are the most");
    }
    if (!s->faults().touches(s->path())) {
        check_timing(*s, t);
    }
}

layer_defaults read_layer(section const& root, std::string_view key, table_schema const& schema) {
    layer_defaults d;
    auto const s = root.table(key, schema);
    if (!s) {
        return d;
    }
    d.interval = s->duration("check_interval", 10ms, 24h).value_or(d.interval);
    d.timeout = s->duration("check_timeout", 1ms, 1h).value_or(d.timeout);
    d.rise = static_cast<std::uint16_t>(s->integer("rise", 1, 1000).value_or(d.rise));
    d.fall = static_cast<std::uint16_t>(s->integer("fall", 1, 1000).value_or(d.fall));
    if (key == "layer7") {
        d.slow_start = s->duration("slow_start", 0s, 1h).value_or(d.slow_start);
        d.timeouts = read_timeouts(*s, d.timeouts);
        d.access_log = s->has("access_log");
    }
    return d;
}

void read_access_log(section const& root, cluster_config& out) {
    auto const s = root.table("layer7", tables::layer7);
    auto const t = s ? s->table("access_log", tables::access_log) : std::nullopt;
    if (!t) {
        return;
    }
    out.access_log.to = t->text("to").value_or("");
    out.access_log.rate = static_cast<std::uint32_t>(t->integer("rate", 0, 1'000'000).value_or(out.access_log.rate));
    auto const& to = out.access_log.to;
    if (!t->has("to")) {
        t->missing("to", "to = \"/var/log/dyad/access.log\"");
    } else if (to != "journal" && (to.size() < 2 || to.front() != '/' || to.back() == '/')) {
        t->wrong("to", "to is " + in_quotes(to) + "; it must be the absolute path of a file, or \"journal\"");
    }
}

void read_grace(section const& root, cluster_config& out) {
    auto const s = root.table("layer7", tables::layer7);
    auto const grace = s ? s->duration("handover_grace", 0s, 1h) : std::nullopt;
    if (!grace) {
        return;
    }
    out.handover_grace = std::chrono::duration_cast<std::chrono::seconds>(*grace);
    if (out.handover_grace != *grace) {
        s->wrong("handover_grace", "handover_grace is " + format_duration(*grace) + ", but must be whole seconds");
    }
}

void read_checks(section const& root, cluster_config& out) {
    auto const s = root.table("checks", tables::checks);
    if (!s) {
        return;
    }
    out.on_change = s->text("on_change").value_or("");
    if (!out.on_change.empty() && out.on_change.front() != '/') {
        s->wrong("on_change", "on_change is " + in_quotes(out.on_change) +
                                  "; it must be the absolute path of a program, without arguments");
    }
    out.hooks.timeout = s->duration("hook_timeout", 10ms, 1h).value_or(out.hooks.timeout);
    out.hooks.waiting = static_cast<std::size_t>(
        s->integer("hook_waiting", 1, 100'000).value_or(static_cast<std::int64_t>(out.hooks.waiting)));
    if (auto const r = s->word("hook_rate", &parse_rate)) {
        out.hooks.pause = r->period / r->count;
    }
    out.passive_factor = static_cast<unsigned>(s->integer("passive_factor", 1, 100).value_or(out.passive_factor));
}

cluster_config read_cluster(section const& root, service_context const& context) {
    cluster_config out;
    read_heartbeat(root, out);
    if (auto const history = root.table("history", tables::history)) {
        out.kept_generations = static_cast<std::size_t>(
            history->integer("generations", 2, 1000).value_or(static_cast<std::int64_t>(out.kept_generations)));
    }
    read_checks(root, out);
    read_floating(root, out);
    read_grace(root, out);
    read_access_log(root, out);
    out.services.services = read_services(root, context);
    return out;
}

service_context read_service_context(section const& root) {
    return {read_layer(root, "layer4", tables::layer4), read_layer(root, "layer7", tables::layer7), read_named_checks(root)};
}

std::vector<balance::virtual_service> read_services(section const& root, service_context const& context) {
    auto const named = root.named("service", tables::service);
    std::vector<balance::virtual_service> out;
    out.reserve(named.size());
    for (auto const& [name, s] : named) {
        out.push_back(read_service(name, s, context));
    }
    return out;
}

std::string_view named_check_of(value const& service) noexcept {
    auto const* e = service.find("check");
    return e != nullptr && e->content.type == value::kind::text ? std::string_view(e->content.text) : std::string_view();
}

outcome<cluster_config> parse_cluster(std::string_view text, std::string const& file, surroundings const& around) {
    auto document = parse_document(text, file);
    if (!document.value) {
        return {std::nullopt, std::move(document.diagnostics)};
    }
    fault_list faults(file);
    if (!read_format(*document.value, faults)) {
        return {std::nullopt, faults.sorted()};
    }
    section const root(*document.value, {1, 1}, {}, tables::cluster, faults);
    auto out = read_cluster(root, read_service_context(root));
    check_named_checks(*document.value, faults);
    check_cluster(*document.value, root, out, around);
    if (faults.any_fault()) {
        return {std::nullopt, faults.sorted()};
    }
    return {std::move(out), faults.sorted()};
}

} // namespace dyad::config
