// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <re2/re2.h>

#include <config/cluster_parts.hpp>

namespace dyad::config {

using namespace std::chrono_literals;

namespace {

/// 204, "2xx", or a list of such.
void read_statuses(section const& s, balance::expectation& out) {
    auto const* e = s.find("status");
    if (e == nullptr) {
        return;
    }
    auto const take = [&](value const& v) {
        auto const n = v.type == value::kind::integer && v.integer >= 100 && v.integer <= 599 ? v.integer : 0;
        bool const is_class = v.type == value::kind::text && v.text.size() == 3 && v.text[0] >= '1' && v.text[0] <= '5' &&
                              v.text.ends_with("xx");
        if (n != 0) {
            out.status.push_back({static_cast<std::uint16_t>(n), static_cast<std::uint16_t>(n)});
        } else if (is_class) {
            auto const first = static_cast<std::uint16_t>((v.text[0] - '0') * 100);
            out.status.push_back({first, static_cast<std::uint16_t>(first + 99)});
        } else {
            auto const said = v.type == value::kind::integer ? std::to_string(v.integer)
                              : v.type == value::kind::text  ? balance::in_quotes(v.text)
                                                             : std::string(describe(v.type));
            s.wrong_within("status", v.at,
                           "status is " + said + ", but must be a whole number from 100 to 599, or a class like \"2xx\"");
        }
    };
    if (e->content.type != value::kind::list) {
        take(e->content);
        return;
    }
    for (auto const& item : e->content.items) {
        take(item);
    }
    if (e->content.items.empty()) {
        s.wrong("status", "status is an empty list, which nothing fulfils; say for example [200, \"3xx\"]");
    }
}

/// A text as JSON writes it (RFC 8259 §7).
std::string json_text(std::string_view text) {
    std::string out = "\"";
    for (char const c : text) {
        if (c == '"' || c == '\\') {
            out.append(1, '\\').append(1, c);
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out.append("\\u00").append(1, "01"[c >> 4 & 1]).append(1, "0123456789abcdef"[c & 15]);
        } else {
            out += c;
        }
    }
    return out + "\"";
}

void read_json(section const& s, balance::expectation& out) {
    for (auto const& e : s.own_table("json", "{ \"/status\" = \"UP\" }")) {
        auto const& v = e.content;
        if (v.type == value::kind::text) {
            out.json.emplace_back(e.key, json_text(v.text));
        } else if (v.type == value::kind::integer) {
            out.json.emplace_back(e.key, std::to_string(v.integer));
        } else if (v.type == value::kind::boolean) {
            out.json.emplace_back(e.key, v.boolean ? "true" : "false");
        } else {
            s.wrong_within("json", v.at, "json: " + balance::in_quotes(e.key) + " is " + std::string(describe(v.type)) +
                                             ", but must be a text, a whole number, or true or false");
        }
    }
}

void read_headers(section const& s, balance::health_check& c) {
    for (auto const& e : s.own_table("headers", "{ \"X-Probe\" = \"dyad\" }")) {
        if (e.content.type == value::kind::text) {
            c.headers.emplace_back(e.key, e.content.text);
        } else {
            s.wrong_within("headers", e.content.at, "headers: " + balance::in_quotes(e.key) + " is " +
                                                        std::string(describe(e.content.type)) +
                                                        ", but must be a text in quotes");
        }
    }
}

balance::expectation read_expect(section const& s) {
    balance::expectation out;
    out.equals = s.text("equals");
    out.contains = s.text("contains");
    out.regex = s.text("regex");
    read_statuses(s, out);
    read_json(s, out);
    if (out.regex) {
        re2::RE2::Options quiet(re2::RE2::Quiet);
        re2::RE2 const compiled(*out.regex, quiet);
        if (!compiled.ok()) {
            s.wrong("regex", "regex " + balance::in_quotes(*out.regex) + " cannot be read: " + compiled.error() +
                                 "; it must be a regular expression in RE2's syntax");
        }
    }
    if (out == balance::expectation{} && !s.faults().touches(s.path())) {
        s.faults().add(s.path(), s.at(), "expect says nothing; it must hold equals, contains, regex, json or status");
    }
    return out;
}

} // namespace

balance::health_check check_spec::with(layer_defaults const& d) const {
    auto out = check;
    out.interval = interval.value_or(d.interval);
    out.timeout = timeout.value_or(d.timeout);
    out.rise = rise.value_or(d.rise);
    out.fall = fall.value_or(d.fall);
    return out;
}

/// What a server is before its first result; is that up?
std::optional<bool> read_initial(section const& s) {
    auto const word = s.text("initial");
    if (word && *word != "unknown" && *word != "up") {
        s.wrong("initial", "initial is " + balance::in_quotes(*word) + "; it must be \"unknown\" or \"up\"");
        return std::nullopt;
    }
    return word ? std::optional(*word == "up") : std::nullopt;
}

check_spec read_check(section const& s) {
    check_spec out;
    auto& c = out.check;
    if (!s.has("type")) {
        s.missing("type", "type = \"connect\"");
    }
    c.type = s.word("type", &balance::parse_check).value_or(c.type);
    c.port = s.port("port").value_or(c.port);
    c.request = s.text("request").value_or(c.request);
    if (c.request.empty() || c.request.front() != '/') {
        c.request.insert(0, 1, '/'); // appliances accept a path without it; so do we
    }
    c.host = s.text("host").value_or(c.host);
    c.method = s.text("method").value_or(c.method);
    c.verify = s.flag("verify").value_or(c.verify);
    read_headers(s, c);
    c.user = s.text("user").value_or(c.user);
    c.password = s.text("password").value_or(c.password);
    c.password_file = s.text("password_file").value_or(c.password_file);
    c.secret = s.text("secret").value_or(c.secret);
    c.secret_file = s.text("secret_file").value_or(c.secret_file);
    c.query = s.text("query").value_or(c.query);
    c.database = s.text("database").value_or(c.database);
    c.tcp = s.flag("tcp").value_or(c.tcp);
    c.message = s.text("message").value_or(c.message);
    c.min_days = static_cast<std::uint16_t>(s.integer("min_days", 1, 3650).value_or(0));
    c.warn_days = static_cast<std::uint16_t>(s.integer("warn_days", 1, 3650).value_or(0));
    c.tls = s.flag("tls").value_or(c.tls);
    c.calling_ae = s.text("calling_ae").value_or(c.calling_ae);
    c.called_ae = s.text("called_ae").value_or(c.called_ae);
    if (auto const expect = s.table("expect", tables::expect)) {
        c.expect = read_expect(*expect);
    }
    c.command = s.text("command").value_or(c.command);
    out.interval = s.duration("interval", 10ms, 24h);
    c.fast_interval = s.duration("fast_interval", 10ms, 24h).value_or(c.fast_interval);
    c.down_interval = s.duration("down_interval", 10ms, 24h).value_or(c.down_interval);
    c.connects = static_cast<std::uint16_t>(s.integer("connects", 0, 1000).value_or(0));
    out.timeout = s.duration("timeout", 1ms, 1h);
    c.connect_timeout = s.duration("connect_timeout", 1ms, 1h).value_or(c.connect_timeout);
    if (auto const n = s.integer("rise", 1, 1000)) {
        out.rise = static_cast<std::uint16_t>(*n);
    }
    if (auto const n = s.integer("fall", 1, 1000)) {
        out.fall = static_cast<std::uint16_t>(*n);
    }
    c.initially_up = read_initial(s).value_or(c.initially_up);
    bool const speaks_http =
        c.type == balance::health_check::kind::http || c.type == balance::health_check::kind::https;
    for (auto const* key : {"request", "method"}) {
        if (s.has(key) && !speaks_http && !s.faults().touches(s.path_to("type"))) {
            s.wrong(key, std::string(key) + " is for http and https checks only; leave it out of a check of type " +
                             std::string(balance::to_string(c.type)));
        }
    }
    return out;
}

named_checks read_named_checks(section const& root) {
    named_checks out;
    for (auto const& [name, s] : root.named("check", tables::check)) {
        out.emplace(name, read_check(s));
    }
    return out;
}

} // namespace dyad::config
