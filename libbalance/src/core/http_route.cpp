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

int hex_digit(char c) noexcept {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// The character at the front of `path`, which it takes away: %41 is A, and what some servers cut off a segment (";x=1") is
/// passed over.
char next_of(std::string_view& path) noexcept {
    if (path.front() == ';')
        path.remove_prefix(std::min(path.find('/'), path.size()));
    if (path.empty())
        return '\0';
    char c = path.front();
    std::size_t size = 1;
    if (c == '%' && path.size() >= 3 && hex_digit(path[1]) >= 0 && hex_digit(path[2]) >= 0) {
        c = static_cast<char>(hex_digit(path[1]) * 16 + hex_digit(path[2]));
        size = 3;
    }
    path.remove_prefix(size);
    return c;
}

bool is_below(std::string_view prefix, std::string_view path) noexcept {
    for (char const c : prefix)
        if (path.empty() || next_of(path) != c)
            return false;
    return path.empty() || prefix.empty() || prefix.ends_with('/') || path.front() == '/' || path.front() == ';';
}

} // namespace

std::string_view host_of(std::string_view host) noexcept {
    auto const port = host.rfind(':');
    auto const bracket = host.rfind(']');
    bool const has_port = port != host.npos && (bracket == host.npos || port > bracket);
    auto const name = has_port ? host.substr(0, port) : host;
    return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

bool has_one_reading(std::string_view target) noexcept {
    auto const path = path_of(target);
    if (path.find('\\') != path.npos || path.find("//") != path.npos)
        return false;
    for (auto at = path.find('%'); at != path.npos; at = path.find('%', at + 1))
        for (std::string_view const doubtful : {"2e", "2f", "3b", "5c"})
            if (same(path.substr(at + 1, 2), doubtful))
                return false;
    for (std::size_t at = path.find("/."); at != path.npos; at = path.find("/.", at + 1)) {
        auto const segment = path.substr(at + 1, path.find_first_of("/;", at + 1) - at - 1);
        if (segment == "." || segment == "..")
            return false;
    }
    for (auto at = path.find("/;"); at != path.npos; at = path.find("/;", at + 1))
        if (path.find('/', at + 1) != path.npos)
            return false; // a doubled slash to those who cut the parameters off
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
