// SPDX-License-Identifier: Apache-2.0
#include "core/validate_rules.hpp"

#include <balance/text.hpp>
#include <balance/validate.hpp>

#include <algorithm>

namespace balance {
namespace rules {

std::string bad_name(std::string_view name) {
    if (name.empty()) {
        return "the name is empty; give it one";
    }
    if (name.size() > 64) {
        return "the name is longer than 64 bytes; shorten it";
    }
    for (char const c : name) {
        if (c == '/') {
            return "the name " + in_quotes(name) +
                   " has a slash, which separates service and server in commands; leave it out";
        }
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            return "the name " + in_quotes(name) + " has a control character; leave it out";
        }
    }
    return {};
}

std::vector<port_range> client_ports(virtual_service const& s) {
    if (!s.ports.empty() || s.except_ports.empty()) {
        return s.ports;
    }
    auto except = s.except_ports;
    std::sort(except.begin(), except.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
    std::vector<port_range> out;
    std::uint32_t next = 1;
    for (auto const& e : except) {
        if (e.first > next) {
            out.push_back({static_cast<std::uint16_t>(next), static_cast<std::uint16_t>(e.first - 1)});
        }
        next = std::max(next, std::uint32_t{e.last} + 1);
    }
    if (next <= 65535) {
        out.push_back({static_cast<std::uint16_t>(next), 65535});
    }
    return out;
}

bool is_v6(virtual_service const& s) {
    return s.address ? s.address->is_v6() : !s.servers.empty() && s.servers.front().address.is_v6();
}

} // namespace rules

std::vector<fault> validate(configuration const& c) {
    std::vector<fault> out;
    for (auto const& s : c.services) {
        rules::report const r(out, s.name);
        rules::check_service(s, r);
        rules::check_balancing(s, r);
        rules::check_http(s, r);
        rules::check_health_check(s, r);
        rules::check_servers(s, r);
    }
    rules::check_overlaps(c, out);
    return out;
}

} // namespace balance
