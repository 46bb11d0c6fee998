// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <config/cluster_parts.hpp>

namespace dyad::config {

using namespace std::chrono_literals;
using balance::in_quotes;

namespace {

std::string_view trimmed(std::string_view text) {
    auto const first = text.find_first_not_of(" \t");
    return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// "set NAME: VALUE", "add NAME: VALUE" or "remove NAME".
std::optional<balance::header_rule> parse_header_rule(std::string_view text) {
    using kind = balance::header_rule::kind;
    auto const space = text.find(' ');
    auto const verb = text.substr(0, space);
    auto const rest = space == text.npos ? std::string_view() : trimmed(text.substr(space));
    if (verb == "remove") {
        return rest.empty() || rest.find(':') != rest.npos ? std::nullopt
                                                           : std::optional(balance::header_rule{kind::remove, std::string(rest), {}});
    }
    auto const colon = rest.find(':');
    if ((verb != "set" && verb != "add") || colon == rest.npos || colon == 0) {
        return std::nullopt;
    }
    return balance::header_rule{verb == "set" ? kind::set : kind::add, std::string(trimmed(rest.substr(0, colon))),
                                std::string(trimmed(rest.substr(colon + 1)))};
}

std::vector<balance::header_rule> read_header_rules(section const& s, std::string_view key) {
    std::vector<balance::header_rule> out;
    for (auto const& text : s.text_list(key)) {
        if (auto rule = parse_header_rule(text)) {
            out.push_back(std::move(*rule));
        } else {
            s.wrong(key, in_quotes(text) + " is no rule; write \"set NAME: VALUE\", \"add NAME: VALUE\" or \"remove NAME\"");
        }
    }
    return out;
}

balance::http_policy::forwarded_for read_forwarded_for(section const& s) {
    using forwarded = balance::http_policy::forwarded_for;
    auto const word = s.text("forwarded_for");
    if (!word || *word == "append") {
        return forwarded::append;
    }
    if (*word != "replace" && *word != "off") {
        s.wrong("forwarded_for", "forwarded_for is " + in_quotes(*word) + "; it must be \"append\", \"replace\" or \"off\"");
    }
    return *word == "replace" ? forwarded::replace : forwarded::off;
}

balance::http_policy::forwarded read_forwarded(section const& s) {
    using forwarded = balance::http_policy::forwarded;
    auto const word = s.text("forwarded").value_or("off");
    if (word != "append" && word != "replace" && word != "off") {
        s.wrong("forwarded", "forwarded is " + in_quotes(word) + "; it must be \"append\", \"replace\" or \"off\"");
    }
    return word == "append" ? forwarded::append : word == "replace" ? forwarded::replace : forwarded::off;
}

void read_policy(section const& s, std::optional<balance::tls_termination> const& tls, balance::http_policy& out) {
    out.redirect_to_https = static_cast<std::uint16_t>(s.integer("redirect_to_https", 300, 399).value_or(0));
    auto const port = s.port("https_port");
    bool const known = tls && !tls->ports.empty();
    out.https_port = port.value_or(known ? tls->ports.front().first : 443);
    if (out.redirect_to_https != 0 && !port && !known) {
        s.wrong("redirect_to_https", "the service takes no TLS to be sent to; give it tls, or say https_port = 443 if another service does");
    }
    if (auto const age = s.duration("hsts", 0s, 2 * 8784h)) {
        out.hsts = std::chrono::duration_cast<std::chrono::seconds>(*age);
    }
    out.client_address = read_forwarded_for(s);
    out.client_forwarded = read_forwarded(s);
    out.trusted_relays = s.subnet_list("trusted_relays");
    out.max_body = static_cast<std::uint64_t>(s.integer("max_body", 0, std::int64_t{1} << 50).value_or(0));
    out.request_headers = read_header_rules(s, "request_headers");
    out.response_headers = read_header_rules(s, "response_headers");
}

} // namespace

balance::http_policy read_http(section const& s, std::optional<balance::tls_termination> const& tls) {
    balance::http_policy out;
    if (auto const t = s.table("http", tables::http)) {
        read_policy(*t, tls, out);
    }
    for (auto const& [name, route] : s.named("route", tables::route)) {
        out.routes.push_back({name, route.text("host").value_or(""), route.text("path").value_or(""), route.text_list("servers")});
    }
    return out;
}

} // namespace dyad::config
