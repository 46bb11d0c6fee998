// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <config/cluster_parts.hpp>
#include <config/words.hpp>
#include <limits>

namespace dyad::config {

using namespace std::chrono_literals;
using balance::in_quotes;

namespace {

balance::real_server read_server(std::string const& name, section const& s) {
    balance::real_server out;
    out.name = name;
    out.address = s.address("address").value_or(balance::address{});
    out.port = s.port("port").value_or(0);
    out.weight = static_cast<std::uint16_t>(s.integer("weight", 0, 65535).value_or(out.weight));
    constexpr auto most = std::numeric_limits<std::int32_t>::max();
    out.min_connections = static_cast<std::uint32_t>(s.integer("min_connections", 0, most).value_or(0));
    out.max_connections = static_cast<std::uint32_t>(s.integer("max_connections", 0, most).value_or(0));
    return out;
}

std::optional<std::uint8_t> read_granularity(section const& s) {
    auto const* e = s.find("granularity");
    if (e == nullptr) {
        return std::nullopt;
    }
    if (e->content.type == value::kind::text) {
        return s.word("granularity", &parse_netmask);
    }
    if (e->content.type == value::kind::integer) {
        auto const n = s.integer("granularity", 0, 128);
        return n ? std::optional(static_cast<std::uint8_t>(*n)) : std::nullopt;
    }
    s.wrong("granularity", "granularity is " + std::string(describe(e->content.type)) +
                               ", but must be a prefix length like 24, or a netmask like \"255.255.255.0\"");
    return std::nullopt;
}

balance::persistence read_persistence(section const& s) {
    balance::persistence out;
    if (!s.has("mode")) {
        s.missing("mode", "mode = \"source_ip\"");
    }
    out.mode = s.word("mode", &balance::parse_persistence).value_or(out.mode);
    if (auto const t = s.duration("timeout", 1s, 744h)) {
        out.timeout = std::chrono::duration_cast<std::chrono::seconds>(*t);
        if (out.timeout != *t) {
            s.wrong("timeout", "timeout is " + format_duration(*t) + ", but must be whole seconds");
        }
    }
    out.granularity = read_granularity(s);
    out.entries = static_cast<std::uint32_t>(s.integer("entries", 1, balance::most_persistence_entries).value_or(out.entries));
    if (auto const cookie = s.text("cookie")) {
        out.cookie = std::string(*cookie);
    }
    auto const drained = s.text("drained").value_or("leave");
    out.drained_stay = drained == "stay";
    if (drained != "leave" && drained != "stay") {
        s.wrong("drained", "drained is " + in_quotes(drained) + "; it must be \"leave\" or \"stay\"");
    }
    return out;
}

balance::health_check read_service_check(section const& s, service_context const& context,
                                         layer_defaults const& defaults) {
    auto const* e = s.find("check");
    if (e == nullptr) {
        return check_spec{}.with(defaults);
    }
    if (e->content.type == value::kind::table) {
        return read_check(*s.table("check", tables::check)).with(defaults);
    }
    if (e->content.type != value::kind::text) {
        s.wrong("check",
                "check is " + std::string(describe(e->content.type)) +
                    ", but must be the name of a [check.NAME], or a table like { type = \"connect\", port = 80 }");
        return check_spec{}.with(defaults);
    }
    auto const known = context.checks.find(e->content.text);
    if (known == context.checks.end()) {
        std::vector<std::string_view> names;
        for (auto const& [name, check] : context.checks) {
            names.push_back(name);
        }
        auto const close = nearest(e->content.text, names);
        s.wrong("check",
                "there is no check named " + in_quotes(e->content.text) + "; " +
                    (close.empty()
                         ? "define it as [check.NAME], or write the check inline like { type = \"connect\", port = 80 }"
                         : "did you mean " + in_quotes(close) + "?"));
        return check_spec{}.with(defaults);
    }
    return known->second.with(defaults);
}

balance::fallback read_fallback(section const& s, balance::mode mode) {
    using kind = balance::fallback::kind;
    balance::fallback out;
    out.mode = mode == balance::mode::http ? kind::local : kind::disabled;
    auto const word = s.text("fallback");
    if (!word) {
        return out;
    }
    if (*word == "local" || *word == "disabled") {
        out.mode = *word == "local" ? kind::local : kind::disabled;
    } else if (auto const target = balance::parse_endpoint(*word)) {
        out.mode = kind::server;
        out.target = *target;
    } else {
        s.wrong("fallback",
                "fallback is " + in_quotes(*word) + "; it must be \"local\", \"disabled\" or \"ADDRESS:PORT\"");
    }
    return out;
}

balance::tls_termination::profile read_profile(section const& s) {
    using profile = balance::tls_termination::profile;
    auto const word = s.text("profile").value_or("standard");
    if (word == "modern") {
        return profile::modern;
    }
    if (word == "old") {
        return profile::old;
    }
    if (word != "standard") {
        s.wrong("profile", "profile is " + in_quotes(word) + "; it must be \"standard\", \"modern\" or \"old\"");
    }
    return profile::standard;
}

std::optional<balance::tls_termination> read_tls(section const& s) {
    auto const t = s.table("tls", tables::tls);
    if (!t) {
        return std::nullopt;
    }
    balance::tls_termination out;
    out.ports = t->port_list("ports");
    out.certificates = t->text_or_list("certificate");
    out.versions = read_profile(*t);
    if (auto const clients = t->table("clients", tables::tls_clients)) {
        out.client_ca = clients->text("ca").value_or("");
        out.client_required = clients->flag("required").value_or(true);
        if (!clients->has("ca")) {
            clients->missing("ca", "ca = \"NAME\", a file of certificates/ without \".pem\"");
        }
    }
    return out;
}

balance::result<balance::agent_check::kind> parse_agent_kind(std::string_view word) {
    using kind = balance::agent_check::kind;
    if (word == "tcp" || word == "http") {
        return word == "tcp" ? kind::tcp : kind::http;
    }
    return balance::make_error(balance::errc::invalid_configuration, in_quotes(word) + " is no kind of agent; it must be tcp or http");
}

std::optional<balance::agent_check> read_agent(section const& s, layer_defaults const& defaults) {
    auto const t = s.table("agent", tables::agent);
    if (!t) {
        return std::nullopt;
    }
    balance::agent_check out;
    if (!t->has("type")) {
        t->missing("type", "type = \"tcp\"");
    }
    out.type = t->word("type", &parse_agent_kind).value_or(out.type);
    out.port = t->port("port").value_or(out.port);
    out.request = t->text("request").value_or(out.request);
    out.interval = t->duration("interval", 10ms, 24h).value_or(defaults.interval);
    out.timeout = t->duration("timeout", 1ms, 1h).value_or(defaults.timeout);
    if (t->has("request") && out.type != balance::agent_check::kind::http && !t->faults().touches(t->path_to("type"))) {
        t->wrong("request", "request is for agents of type http only; leave it out");
    }
    return out;
}

std::optional<balance::observation> read_observation(section const& s) {
    auto const t = s.table("observe", tables::observe);
    if (!t) {
        return std::nullopt;
    }
    balance::observation out;
    if (!t->has("errors")) {
        t->missing("errors", "errors = 10");
    }
    out.errors = static_cast<std::uint32_t>(t->integer("errors", 1, 1'000'000).value_or(out.errors));
    out.within = t->duration("within", 100ms, 1h).value_or(out.within);
    out.server_errors = t->flag("server_errors").value_or(false);
    auto const word = t->text("on_error").value_or("check");
    out.take_down = word == "down";
    if (word != "check" && word != "down") {
        t->wrong("on_error", "on_error is " + in_quotes(word) + "; it must be \"check\" or \"down\"");
    }
    return out;
}

balance::proxy_protocol read_proxy_protocol(section const& s) {
    using version = balance::proxy_protocol::version;
    balance::proxy_protocol out;
    auto const t = s.table("proxy_protocol", tables::proxy_protocol);
    if (!t) {
        return out;
    }
    out.from = t->subnet_list("from");
    auto const word = t->text("send");
    if (word == "v1" || word == "v2") {
        out.send = word == "v1" ? version::v1 : version::v2;
    } else if (word) {
        t->wrong("send", "send is " + in_quotes(*word) + "; it must be \"v1\" or \"v2\", or be left out");
    }
    if (!t->has("from") && !t->has("send")) {
        t->missing("from", "from = [\"192.0.2.0/24\"] for what clients tell, send = \"v2\" for what servers are told");
    }
    return out;
}

balance::client_limits read_limits(section const& s) {
    balance::client_limits out;
    auto const t = s.table("limits", tables::limits);
    if (!t) {
        return out;
    }
    constexpr auto most = std::numeric_limits<std::int32_t>::max();
    out.connections = static_cast<std::uint32_t>(t->integer("connections", 0, most).value_or(0));
    out.source_connections = static_cast<std::uint32_t>(t->integer("source_connections", 0, most).value_or(0));
    if (auto const r = t->word("source_rate", &parse_rate)) {
        out.source_rate = r->count;
        out.source_period = r->period;
    }
    out.ipv4_prefix = static_cast<std::uint8_t>(t->integer("ipv4_prefix", 1, 32).value_or(out.ipv4_prefix));
    out.ipv6_prefix = static_cast<std::uint8_t>(t->integer("ipv6_prefix", 1, 128).value_or(out.ipv6_prefix));
    out.except = t->subnet_list("except");
    return out;
}

bool read_log_choice(section const& s, bool layer4, bool there_is_one) {
    auto const wanted = s.flag("access_log");
    if (wanted && layer4) {
        s.wrong("access_log", "access_log is for layer 7 (mode tcp or http) only: the kernel tells nobody what clients do; leave it out");
    } else if (wanted.value_or(false) && !there_is_one) {
        s.wrong("access_log", "there is no access log yet; say where it goes: [layer7] access_log = { to = \"/var/log/dyad/access.log\" }");
    }
    return !layer4 && there_is_one && wanted.value_or(true);
}

balance::tunnel read_tunnel(section const& s) {
    balance::tunnel out;
    if (auto const t = s.table("tunnel", tables::tunnel)) {
        out.type = t->word("type", &balance::parse_tunnel).value_or(out.type);
        out.port = t->port("port").value_or(out.port);
        out.sum = t->word("checksum", &balance::parse_checksum).value_or(out.sum);
    }
    return out;
}

balance::scheduler_flags read_scheduler_flags(section const& s) {
    balance::scheduler_flags out;
    for (auto const& word : s.text_list("scheduler_flags")) {
        if (word == "fallback") {
            out.fallback = true;
        } else if (word == "port") {
            out.port = true;
        } else {
            s.wrong("scheduler_flags", in_quotes(word) + " is no flag of a scheduler; there are \"fallback\" and \"port\"");
        }
    }
    return out;
}

std::uint32_t read_mark(section const& s) {
    return static_cast<std::uint32_t>(
        s.integer("firewall_mark", 1, std::numeric_limits<std::uint32_t>::max()).value_or(0));
}

} // namespace

balance::timeouts read_timeouts(section const& s, balance::timeouts const& defaults) {
    auto out = defaults;
    auto const t = s.table("timeouts", tables::timeouts);
    if (!t) {
        return out;
    }
    struct limit {
        std::string_view key;
        balance::milliseconds balance::timeouts::*member;
    };
    constexpr limit limits[] = {{"connect", &balance::timeouts::connect}, {"queue", &balance::timeouts::queue},
                                {"idle", &balance::timeouts::idle},       {"head", &balance::timeouts::head},
                                {"body", &balance::timeouts::body},       {"answer", &balance::timeouts::answer},
                                {"keep_alive", &balance::timeouts::keep_alive}};
    for (auto const& l : limits) {
        out.*l.member = t->duration(l.key, 1ms, 744h).value_or(out.*l.member);
    }
    return out;
}

balance::virtual_service read_service(std::string const& name, section const& s, service_context const& context) {
    balance::virtual_service out;
    out.name = name;
    if (!s.has("mode")) {
        s.missing("mode", "mode = \"dr\" (dr, nat, snat, tun, tcp or http)");
    }
    out.mode = s.word("mode", &balance::parse_mode).value_or(out.mode);
    bool const layer4 = balance::is_layer4(out.mode);
    auto const& defaults = layer4 ? context.layer4 : context.layer7;
    out.address = s.address("address");
    out.network = s.text("network").value_or("");
    out.ports = s.port_list("ports");
    out.except_ports = s.port_list("except_ports");
    out.protocol = s.word("protocol", &balance::parse_protocol).value_or(out.protocol);
    out.firewall_mark = read_mark(s);
    out.snat_source = s.address("snat_source");
    out.tunnel = read_tunnel(s);
    out.one_packet = s.flag("one_packet").value_or(false);
    out.balance = s.text("balance").value_or(out.balance);
    out.scheduler_flags = read_scheduler_flags(s);
    if (auto const p = s.table("persistence", tables::persistence)) {
        out.persistence = read_persistence(*p);
    }
    out.check = read_service_check(s, context, defaults);
    out.agent = read_agent(s, defaults);
    out.observe = read_observation(s);
    out.tls = read_tls(s);
    out.re_encrypt = s.flag("re_encrypt").value_or(false);
    out.fallback = read_fallback(s, out.mode);
    out.transparent = s.flag("transparent").value_or(false);
    out.on_change = s.text("on_change").value_or("");
    out.slow_start = s.duration("slow_start", 0s, 1h).value_or(layer4 ? 0ms : defaults.slow_start);
    out.timeouts = layer4 ? balance::timeouts{} : read_timeouts(s, defaults.timeouts);
    out.proxy_protocol = read_proxy_protocol(s);
    out.limits = read_limits(s);
    out.access_log = read_log_choice(s, layer4, defaults.access_log);
    if (layer4 && s.has("timeouts")) {
        s.wrong("timeouts", "timeouts are for layer 7 (mode tcp or http) only; leave them out");
    }
    out.http = read_http(s, out.tls);
    auto const servers = s.named("server", tables::server);
    out.servers.reserve(servers.size());
    for (auto const& [server_name, server] : servers) {
        out.servers.push_back(read_server(server_name, server));
    }
    if (!out.network.empty() && !out.address && !s.has("address")) {
        s.wrong("network", "network says where an address is, and the service has none; leave network out");
    }
    return out;
}

} // namespace dyad::config
