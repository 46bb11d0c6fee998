// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <cli/prober.hpp>

#include <string_view>

namespace dyad::cli {
namespace {

constexpr std::string_view ping_prefix = "ping:";
constexpr std::string_view http_prefix = "http://";

balance::error no_target(std::string const& text) {
    return balance::make_error(balance::errc::invalid_configuration,
                               balance::in_quotes(text) + " is no target; write ADDRESS:PORT, or [ADDRESS]:PORT with IPv6, "
                                                          "http://ADDRESS:PORT/PATH, or ping:ADDRESS");
}

bool is_path(std::string const& s) { return s.starts_with('/') && s.find_first_of(" \r\n\t") == std::string::npos; }

} // namespace

std::string name_of(prober::settings const& s) {
    if (s.ping) {
        return std::string(ping_prefix) + s.target.address.to_string();
    }
    return (s.path.empty() ? "" : std::string(http_prefix)) + balance::to_string(s.target) + s.path;
}

balance::result<prober::settings> parse_target(std::string const& text, std::string const& path) {
    prober::settings out;
    if (text.starts_with(ping_prefix)) {
        auto const address = balance::parse_address(std::string_view(text).substr(ping_prefix.size()));
        if (!address) {
            return no_target(text);
        }
        out.target = {*address, 0};
        out.ping = true;
        return out;
    }
    auto rest = text;
    out.path = path;
    if (text.starts_with(http_prefix)) {
        rest.erase(0, http_prefix.size());
        auto const slash = std::min(rest.find('/'), rest.size());
        out.path = slash == rest.size() ? "/" : rest.substr(slash);
        rest.erase(slash);
    }
    auto const target = balance::parse_endpoint(rest);
    if (!target || target->port == 0) {
        return no_target(text);
    }
    if (!out.path.empty() && !is_path(out.path)) {
        return balance::make_error(balance::errc::invalid_configuration,
                                   "the path asked for is " + balance::in_quotes(out.path) + ", but must be a path such as /health");
    }
    out.target = *target;
    return out;
}

} // namespace dyad::cli
