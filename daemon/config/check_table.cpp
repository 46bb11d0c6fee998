// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <re2/re2.h>

#include <config/cluster_parts.hpp>

namespace dyad::config {

using namespace std::chrono_literals;

namespace {

balance::expectation read_expect(section const& s) {
    balance::expectation out;
    out.equals = s.text("equals");
    out.contains = s.text("contains");
    out.regex = s.text("regex");
    if (auto const n = s.integer("status", 100, 599)) {
        out.status = static_cast<std::uint16_t>(*n);
    }
    if (out.regex) {
        re2::RE2::Options quiet(re2::RE2::Quiet);
        re2::RE2 const compiled(*out.regex, quiet);
        if (!compiled.ok()) {
            s.wrong("regex", "regex " + balance::in_quotes(*out.regex) + " cannot be read: " + compiled.error() +
                                 "; it must be a regular expression in RE2's syntax");
        }
    }
    if (out == balance::expectation{} && !s.faults().touches(s.path())) {
        s.faults().add(s.path(), s.at(), "expect says nothing; it must hold equals, contains, regex or status");
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
    if (auto const expect = s.table("expect", tables::expect)) {
        c.expect = read_expect(*expect);
    }
    c.command = s.text("command").value_or(c.command);
    out.interval = s.duration("interval", 10ms, 24h);
    out.timeout = s.duration("timeout", 1ms, 1h);
    if (auto const n = s.integer("rise", 1, 1000)) {
        out.rise = static_cast<std::uint16_t>(*n);
    }
    if (auto const n = s.integer("fall", 1, 1000)) {
        out.fall = static_cast<std::uint16_t>(*n);
    }
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
        out.emplace(name, named_check{read_check(s), s.at(), false});
    }
    return out;
}

} // namespace dyad::config
