// SPDX-License-Identifier: Apache-2.0
#include "core/http_message.hpp"
#include "core/http_route.hpp"
#include "core/validate_rules.hpp"

#include <balance/text.hpp>

#include <algorithm>
#include <array>

namespace balance::rules {
namespace {

using core::http::same;

constexpr std::size_t most_routes = 63; // a server has a bit for each, and one for requests without
constexpr std::size_t most_header_rules = 64;
constexpr std::size_t longest_header_rule = 4096; // a head and what is added to it must fit into a buffer

void check_header_rules(std::vector<header_rule> const& rules, std::string_view key, report& r) {
    constexpr std::array<std::string_view, 9> of_the_connection{
        "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect", "proxy-connection"};
    for (auto const& rule : rules) {
        auto const name = in_quotes(rule.name);
        bool const taken = std::any_of(of_the_connection.begin(), of_the_connection.end(),
                                       [&](std::string_view n) { return same(n, rule.name); });
        if (!core::http::is_token(rule.name)) {
            r.wrong({"http", key}, name + " cannot be the name of a header field; letters, digits and - can");
        } else if (taken) {
            r.wrong({"http", key}, name + " says where a message ends or how a connection goes on, and stays as it is; leave the rule out");
        } else if (rule.what != header_rule::kind::set && same(rule.name, "host") && key == "request_headers") {
            r.wrong({"http", key}, "a request has one Host, no more and no less; say \"set Host: NAME\"");
        }
        if (!core::http::is_field_value(rule.value)) {
            r.wrong({"http", key}, "the value of " + name + " has a control character in it; leave it out");
        }
    }
    std::size_t size = 0;
    for (auto const& rule : rules) {
        size += rule.name.size() + rule.value.size() + 4;
    }
    if (rules.size() > most_header_rules || size > longest_header_rule) {
        r.wrong({"http", key}, std::to_string(rules.size()) + " rules with " + std::to_string(size) + " bytes; " +
                                   std::to_string(most_header_rules) + " rules and " + std::to_string(longest_header_rule) +
                                   " bytes are the most");
    }
}

void check_route(virtual_service const& s, http_route const& route, report& r) {
    if (auto const bad = bad_name(route.name); !bad.empty()) {
        r.wrong({"route", route.name}, "the route's name " + bad);
    }
    if (route.host.empty() && route.path.empty()) {
        r.wrong({"route", route.name}, "it fits every request; say host = \"pacs.example\" or path = \"/viewer\"");
    }
    if (s.persistence.mode == persistence::kind::http_cookie && !core::http::is_token(route.name)) {
        r.wrong({"route", route.name}, "the route's name becomes part of a cookie's; letters, digits, - and _ can");
    }
    auto const host = std::string_view(route.host).substr(route.host.starts_with("*.") ? 2 : 0);
    if (!route.host.empty() && (host.empty() || host.find_first_of("*/ ") != host.npos || core::http::host_of(host) != host)) {
        r.wrong({"route", route.name, "host"}, in_quotes(route.host) + " is no name of a host without a port, nor \"*.\" and one");
    }
    bool const path_well = route.path.starts_with('/') && route.path.find_first_of("?# ") == route.path.npos &&
                           core::http::has_one_reading(route.path);
    if (!route.path.empty() && !path_well) {
        r.wrong({"route", route.name, "path"},
                in_quotes(route.path) + " is no path; it must begin with / and have no \"..\", \"//\", ? or spaces");
    }
    if (route.servers.empty()) {
        r.wrong({"route", route.name, "servers"}, "it leads nowhere; say servers = [\"NAME\"]");
    }
    for (auto const& name : route.servers) {
        if (std::none_of(s.servers.begin(), s.servers.end(), [&](real_server const& v) { return v.name == name; })) {
            r.wrong({"route", route.name, "servers"}, "the service has no server " + in_quotes(name));
        }
    }
}

void check_routes(virtual_service const& s, report& r) {
    auto const& routes = s.http.routes;
    if (routes.size() > most_routes) {
        r.wrong({"route"}, std::to_string(routes.size()) + " routes; " + std::to_string(most_routes) + " are the most");
    }
    for (auto const& route : routes) {
        check_route(s, route, r);
    }
    auto const p = s.persistence.mode;
    if (!routes.empty() && p != persistence::kind::none && p != persistence::kind::http_cookie) {
        r.wrong({"persistence", "mode"}, "a client has a server of each route, and one entry in a table; use http_cookie, or none");
    }
}

} // namespace

void check_http(virtual_service const& s, report r) {
    auto const& h = s.http;
    if (s.mode != mode::http) {
        if (h != http_policy{}) {
            r.wrong({h.routes.empty() ? "http" : "route"}, "only mode http understands requests; leave it out of a service with mode " +
                                                               std::string(to_string(s.mode)));
        }
        return;
    }
    constexpr std::array<std::uint16_t, 6> redirects{0, 301, 302, 303, 307, 308};
    if (std::find(redirects.begin(), redirects.end(), h.redirect_to_https) == redirects.end()) {
        r.wrong({"http", "redirect_to_https"},
                std::to_string(h.redirect_to_https) + " does not send a client elsewhere; 301, 302, 303, 307 and 308 do");
    }
    if (h.hsts.count() < 0) {
        r.wrong({"http", "hsts"}, "hsts is negative; 0s is none");
    }
    check_header_rules(h.request_headers, "request_headers", r);
    check_header_rules(h.response_headers, "response_headers", r);
    check_routes(s, r);
}

} // namespace balance::rules
