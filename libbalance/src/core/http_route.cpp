// SPDX-License-Identifier: Apache-2.0
#include "core/http_route.hpp"

#include "core/http_message.hpp"

#include <algorithm>

namespace balance::core::http {
namespace {

std::string_view path_of(std::string_view target) noexcept { return target.substr(0, target.find('?')); }

bool is_host_of(std::string_view pattern, std::string_view host) noexcept {
    if (pattern.empty())
        return true;
    if (!pattern.starts_with("*."))
        return same(pattern, host);
    auto const suffix = pattern.substr(1);
    return host.size() > suffix.size() && same(suffix, host.substr(host.size() - suffix.size()));
}

bool is_below(std::string_view prefix, std::string_view path) noexcept {
    if (prefix.empty())
        return true;
    if (!path.starts_with(prefix))
        return false;
    return path.size() == prefix.size() || prefix.ends_with('/') || path[prefix.size()] == '/';
}

} // namespace

std::string_view host_of(std::string_view host) noexcept {
    auto const port = host.rfind(':');
    auto const bracket = host.rfind(']');
    bool const has_port = port != host.npos && (bracket == host.npos || port > bracket);
    return has_port ? host.substr(0, port) : host;
}

bool has_one_reading(std::string_view target) noexcept {
    auto const path = path_of(target);
    if (path.find('\\') != path.npos || path.find("//") != path.npos)
        return false;
    for (auto at = path.find('%'); at != path.npos; at = path.find('%', at + 1))
        for (std::string_view const doubtful : {"2e", "2f", "5c"})
            if (same(path.substr(at + 1, 2), doubtful))
                return false;
    for (std::size_t at = path.find("/."); at != path.npos; at = path.find("/.", at + 1)) {
        auto const segment = path.substr(at + 1, path.find('/', at + 1) - at - 1);
        if (segment == "." || segment == "..")
            return false;
    }
    return true;
}

std::optional<std::size_t> route_of(std::span<http_route const> routes, std::string_view host, std::string_view target) noexcept {
    auto const name = host_of(host);
    auto const path = path_of(target);
    auto const fits = std::find_if(routes.begin(), routes.end(),
                                   [&](http_route const& r) { return is_host_of(r.host, name) && is_below(r.path, path); });
    return fits == routes.end() ? std::nullopt : std::optional(static_cast<std::size_t>(fits - routes.begin()));
}

} // namespace balance::core::http
