// SPDX-License-Identifier: Apache-2.0
#include "core/check_traits.hpp"
#include "core/hl7_message.hpp"
#include "core/http_message.hpp"
#include "core/validate_rules.hpp"

#include <balance/text.hpp>

#include <algorithm>
#include <array>
#include <tuple>

namespace balance::rules {
namespace {

using kind = health_check::kind;

bool is_http(kind k) { return k == kind::http || k == kind::https; }
bool needs_port(kind k) { return core::traits_of(k).port; }
bool may_use_tls(kind k) { return core::traits_of(k).tls == core::check_traits::need::may; }
bool speaks_tls(health_check const& c) {
    return core::traits_of(c.type).tls == core::check_traits::need::must || (may_use_tls(c.type) && c.tls);
}

std::string same_word(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

void check_port(virtual_service const& s, report& r) {
    auto const& c = s.check;
    bool const ports_missing = s.ports.empty() && s.firewall_mark == 0; // said elsewhere
    if (!needs_port(c.type) || ports_missing) {
        return;
    }
    bool const from_service = !s.ports.empty() && s.ports.front() != port_range{1, 65535};
    bool const from_servers =
        std::all_of(s.servers.begin(), s.servers.end(), [](auto const& v) { return v.port != 0; });
    if (c.port == 0 && !from_service && !(from_servers && !s.servers.empty())) {
        r.wrong({"check"},
                "the check has no port to go to, because neither it nor the service names a single one; say for "
                "example check = { type = \"" +
                    std::string(to_string(c.type)) + "\", port = 80 }");
    }
    if ((s.protocol == protocol::udp || s.protocol == protocol::sctp) && c.port == 0 && !core::is_over_udp(c)) {
        r.warn({"check"},
               "the check speaks TCP to the port of a service of " + std::string(to_string(s.protocol)) + "; check = { type = \"ping\" }, or a port on which the "
               "server answers TCP, would find out more");
    }
}

void check_headers(health_check const& c, report& r) {
    constexpr std::array own{"connection", "content-length", "transfer-encoding", "host", "upgrade"};
    for (auto const& [name, value] : c.headers) {
        auto const word = same_word(name);
        if (!core::http::is_token(name)) {
            r.wrong({"check", "headers"}, in_quotes(name) + " is no header's name; use letters, digits and -");
        } else if (std::find(own.begin(), own.end(), word) != own.end()) {
            r.wrong({"check", "headers"}, "header " + in_quotes(name) + " is the check's own; leave it out" +
                                              (word == "host" ? ", and say host = \"...\"" : ""));
        } else if (word == "authorization" && !c.user.empty()) {
            r.wrong({"check", "headers"}, "header \"Authorization\" is there beside user; keep one of the two");
        } else if (has_control(value)) {
            r.wrong({"check", "headers"}, "the value of header " + in_quotes(name) + " holds a control character; leave it out");
        }
    }
    if (c.user.find(':') != std::string::npos) { // RFC 7617 §2
        r.wrong({"check", "user"}, "user must have neither colons nor control characters");
    }
}

void check_expectation(health_check const& c, report& r) {
    auto const& e = c.expect;
    if (c.method == "HEAD" && (e.equals || e.contains || e.regex || !e.json.empty())) {
        r.wrong({"check", "expect"},
                "an answer to HEAD has no body to compare; use method GET, or expect a status only");
    }
    for (auto const& [first, last] : e.status) {
        if (first < 100 || last > 599 || first > last) {
            r.wrong({"check", "expect", "status"}, "status is " + std::to_string(first < 100 ? first : last) +
                                                       "; it must be 100 to 599, or a class like \"2xx\"");
        }
    }
    for (auto const& [pointer, value] : e.json) {
        if (!pointer.empty() && pointer.front() != '/') {
            r.wrong({"check", "expect", "json"},
                    in_quotes(pointer) + " is no JSON pointer; it begins with a slash, like \"/status\"");
        }
    }
}

void check_http_check(health_check const& c, report& r) {
    bool const http = is_http(c.type);
    only_for(!c.headers.empty(), http, "headers", "http and https", c, r);
    if (!http) {
        return;
    }
    if (c.request.empty() || c.request.front() != '/' || has_space(c.request)) {
        r.wrong({"check", "request"},
                "request " + in_quotes(c.request) +
                    " is no path; it must begin with / and have no spaces (write them as %20)");
    }
    if (c.method != "GET" && c.method != "HEAD") {
        r.wrong({"check", "method"}, "method is " + in_quotes(c.method) + "; it must be GET or HEAD");
    }
    check_headers(c, r);
    check_expectation(c, r);
}

void check_tls_of_check(health_check const& c, report& r) {
    bool const tls = speaks_tls(c);
    auto const needs_tls = [&](bool given, char const* key, char const* types) {
        if (given && !tls && may_use_tls(c.type)) {
            r.wrong({"check", key}, std::string(key) + " is about TLS, which this check does not use; say tls = true");
        } else {
            only_for(given, tls, key, types, c, r);
        }
    };
    if (!is_http(c.type)) {
        needs_tls(!c.host.empty(), "host", "http and https");
    }
    if (has_space(c.host)) {
        r.wrong({"check", "host"}, "host " + in_quotes(c.host) + " is no host name; it must have no spaces");
    }
    needs_tls(c.verify, "verify", "https and tls");
    needs_tls(c.min_days != 0, "min_days", "https and tls");
    needs_tls(c.warn_days != 0, "warn_days", "https and tls");
    static auto const optional_tls = checks_that([](auto const& t) { return t.tls == core::check_traits::need::may; });
    only_for(c.tls, may_use_tls(c.type), "tls", optional_tls, c, r);
}

/// PS3.5 §6.2, value representation AE: at most 16 characters of the basic set, neither a backslash nor all of them spaces.
bool is_title(std::string_view text) {
    bool const printable =
        std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '\\'; });
    return printable && text.size() <= 16 && text.find_first_not_of(' ') != text.npos;
}

void check_dicom(health_check const& c, report& r) {
    health_check const usual;
    for (auto const& [key, title, is_usual] :
         {std::tuple{"calling_ae", &c.calling_ae, c.calling_ae == usual.calling_ae},
          std::tuple{"called_ae", &c.called_ae, c.called_ae == usual.called_ae}}) {
        only_for(!is_usual, c.type == kind::dicom, key, "dicom", c, r);
        if (c.type == kind::dicom && !is_title(*title)) {
            r.wrong({"check", key}, in_quotes(*title) + " is no application entity title; it must have 1 to 16 ASCII "
                                                        "characters without a backslash");
        }
    }
}

void check_hl7(health_check const& c, report& r) {
    only_for(!c.message.empty(), c.type == kind::hl7, "message", "hl7", c, r);
    if (c.type != kind::hl7) {
        return;
    }
    if (auto const why = core::hl7::fault_of(core::hl7::as_message(c.message)); !why.empty()) {
        r.wrong({"check", "message"}, "an hl7 check needs the message that it sends: " + why);
    }
}

void check_rhythm(health_check const& c, report& r) {
    if (c.interval.count() < 1) {
        r.wrong({"check", "interval"}, "the check's interval must be longer than 0");
    }
    if (c.timeout.count() < 1) {
        r.wrong({"check", "timeout"}, "the check's timeout must be longer than 0");
    }
    if (c.connect_timeout > c.timeout) {
        r.wrong({"check", "connect_timeout"}, "connect_timeout is longer than timeout, which is for the whole check; make it shorter, or leave it out");
    }
    if (c.connect_timeout.count() != 0 && (!needs_port(c.type) || core::is_over_udp(c))) {
        r.wrong({"check", "connect_timeout"}, "connect_timeout is for checks that connect by TCP; leave it out of a check of type " +
                                                  std::string(to_string(c.type)));
    }
    if (c.fast_interval > c.interval) {
        r.wrong({"check", "fast_interval"}, "fast_interval is longer than interval; make it shorter, or leave it out");
    }
    if (c.down_interval.count() != 0 && c.down_interval < c.interval) {
        r.wrong({"check", "down_interval"}, "down_interval is shorter than interval; make it longer, or leave it out");
    }
    if (c.connects != 0 && (!needs_port(c.type) || c.type == kind::connect || core::is_over_udp(c))) {
        r.wrong({"check", "connects"}, "connects is for checks that do more than connect by TCP; leave it out of a check of type " +
                                           std::string(to_string(c.type)));
    }
    if (c.initially_up && (c.type == kind::on || c.type == kind::off)) {
        r.wrong({"check", "initial"}, "initial is for checks that have results; leave it out of a check of type " + std::string(to_string(c.type)));
    }
    if (c.rise == 0) {
        r.wrong({"check", "rise"}, "rise is 0; it must be 1 or more successes in a row");
    }
    if (c.fall == 0) {
        r.wrong({"check", "fall"}, "fall is 0; it must be 1 or more failures in a row");
    }
}

void check_observation(virtual_service const& s, report& r) {
    if (!s.observe) {
        return;
    }
    if (is_layer4(s.mode)) {
        r.wrong({"observe"}, "observe is for layer 7 (mode tcp or http) only: the kernel does not tell what servers answer; leave it out");
    }
    if (s.observe->errors == 0) {
        r.wrong({"observe", "errors"}, "errors is 0; it must be 1 or more");
    }
    if (s.observe->within.count() < 1) {
        r.wrong({"observe", "within"}, "within must be longer than 0");
    }
    if (s.observe->server_errors && s.mode != mode::http) {
        r.wrong({"observe", "server_errors"}, "server_errors is about answers of mode http; leave it out with mode " + std::string(to_string(s.mode)));
    }
    if (s.check.type == kind::on || s.check.type == kind::off) {
        r.wrong({"observe"}, "a server whose check is " + std::string(to_string(s.check.type)) +
                                 " stays what it is; leave observe out, or give the service a check that finds out when the server is well again");
    }
}

} // namespace

void check_health_check(virtual_service const& s, report r) {
    auto const& c = s.check;
    check_port(s, r);
    check_protocol_keys(c, r);
    check_http_check(c, r);
    check_tls_of_check(c, r);
    check_dicom(c, r);
    check_hl7(c, r);
    if (c.type == kind::external && (c.command.empty() || c.command.front() != '/' || has_space(c.command))) {
        r.wrong({"check", "command"},
                "an external check needs command = \"/absolute/path\" of a program, without arguments: it "
                "gets the service's address and port and the server's");
    }
    if (c.type != kind::external && !c.command.empty()) {
        r.wrong({"check", "command"}, "command is for external checks only; leave it out, or say type = \"external\"");
    }
    check_rhythm(c, r);
    check_observation(s, r);
    if (!s.on_change.empty() && (s.on_change.front() != '/' || has_space(s.on_change))) {
        r.wrong({"on_change"}, "on_change is " + in_quotes(s.on_change) + "; it must be the absolute path of a program, without arguments");
    }
    if (s.agent && (s.agent->request.empty() || s.agent->request.front() != '/' || has_space(s.agent->request))) {
        r.wrong({"agent", "request"}, "request " + in_quotes(s.agent->request) +
                                          " is no path; it must begin with / and have no spaces (write them as %20)");
    }
}

} // namespace balance::rules
