// SPDX-License-Identifier: Apache-2.0
#include "core/validate_rules.hpp"

#include <balance/text.hpp>

#include <algorithm>

namespace balance::rules {
namespace {

using kind = health_check::kind;

bool is_http(kind k) { return k == kind::http || k == kind::https; }
bool needs_port(kind k) { return k == kind::connect || is_http(k); }

/// Control characters and spaces would end the request line or a header early.
bool has_space(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
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
    if ((s.protocol == protocol::udp || s.protocol == protocol::sctp) && c.port == 0) {
        r.warn({"check"},
               "the check speaks TCP to the port of a service of " + std::string(to_string(s.protocol)) + "; check = { type = \"ping\" }, or a port on which the "
               "server answers TCP, would find out more");
    }
}

void check_http_check(health_check const& c, report& r) {
    auto const word = std::string(to_string(c.type));
    if (!is_http(c.type)) {
        if (c.expect != expectation{}) {
            r.wrong({"check", "expect"},
                    "expect is for http and https checks only; leave it out of a check of type " + word);
        }
        if (!c.host.empty()) {
            r.wrong({"check", "host"},
                    "host is for http and https checks only; leave it out of a check of type " + word);
        }
    } else {
        if (c.request.empty() || c.request.front() != '/' || has_space(c.request)) {
            r.wrong({"check", "request"},
                    "request " + in_quotes(c.request) +
                        " is no path; it must begin with / and have no spaces (write them as %20)");
        }
        if (has_space(c.host)) {
            r.wrong({"check", "host"}, "host " + in_quotes(c.host) + " is no host name; it must have no spaces");
        }
        if (c.method != "GET" && c.method != "HEAD") {
            r.wrong({"check", "method"}, "method is " + in_quotes(c.method) + "; it must be GET or HEAD");
        }
        auto const& e = c.expect;
        if (c.method == "HEAD" && (e.equals || e.contains || e.regex)) {
            r.wrong({"check", "expect"},
                    "an answer to HEAD has no body to compare; use method GET, or expect a status only");
        }
        if (e.status && (*e.status < 100 || *e.status > 599)) {
            r.wrong({"check", "expect", "status"},
                    "status is " + std::to_string(*e.status) + "; it must be 100 to 599");
        }
    }
    if (c.verify && c.type != kind::https) {
        r.wrong({"check", "verify"}, "verify is for https checks only; leave it out of a check of type " + word);
    }
}

} // namespace

void check_health_check(virtual_service const& s, report r) {
    auto const& c = s.check;
    check_port(s, r);
    check_http_check(c, r);
    if (c.type == kind::external && (c.command.empty() || c.command.front() != '/' || has_space(c.command))) {
        r.wrong({"check", "command"},
                "an external check needs command = \"/absolute/path\" of a program, without arguments: it "
                "gets the service's address and port and the server's");
    }
    if (c.type != kind::external && !c.command.empty()) {
        r.wrong({"check", "command"}, "command is for external checks only; leave it out, or say type = \"external\"");
    }
    if (c.interval.count() < 1) {
        r.wrong({"check", "interval"}, "the check's interval must be longer than 0");
    }
    if (c.timeout.count() < 1) {
        r.wrong({"check", "timeout"}, "the check's timeout must be longer than 0");
    }
    if (c.rise == 0) {
        r.wrong({"check", "rise"}, "rise is 0; it must be 1 or more successes in a row");
    }
    if (c.fall == 0) {
        r.wrong({"check", "fall"}, "fall is 0; it must be 1 or more failures in a row");
    }
}

} // namespace balance::rules
