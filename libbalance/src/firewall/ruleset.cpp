// SPDX-License-Identifier: Apache-2.0
#include "firewall/ruleset.hpp"

#include <balance/text.hpp>

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace balance::firewall {
namespace {

constexpr std::size_t longest_comment = 127;

/// Neighbours joined, so that the list is the one nft prints.
std::vector<port_range> joined(std::vector<port_range> const& sorted) {
    std::vector<port_range> out;
    for (auto const& r : sorted) {
        if (!out.empty() && r.first <= std::uint32_t{out.back().last} + 1) {
            out.back().last = std::max(out.back().last, r.last);
        } else {
            out.push_back(r);
        }
    }
    return out;
}

std::string range_text(port_range r) {
    return r.first == r.last ? std::to_string(r.first) : std::to_string(r.first) + "-" + std::to_string(r.last);
}

std::string ports_text(std::vector<port_range> const& ports) {
    if (ports.size() == 1) {
        return range_text(ports.front());
    }
    std::string out = "{ ";
    for (std::size_t i = 0; i < ports.size(); ++i) {
        out += (i == 0 ? "" : ", ") + range_text(ports[i]);
    }
    return out + " }";
}

std::string_view protocol_match(protocol p) {
    switch (p) {
    case protocol::tcp:
        return "tcp";
    case protocol::udp:
        return "udp";
    case protocol::tcp_udp:
        return "meta l4proto { 6, 17 } th";
    }
    return {};
}

/// nft's strings have no escapes, so a name with anything unusual in it is left out rather than trusted.
bool fits_comment(std::string_view name) {
    auto const plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("_-.: ").find(c) != std::string_view::npos;
    };
    return !name.empty() && name.size() <= longest_comment && std::all_of(name.begin(), name.end(), plain);
}

std::string rule_text(ipvs::mark_rule const& r) {
    std::array<char, 16> mark{};
    std::snprintf(mark.data(), mark.size(), "0x%08x", static_cast<unsigned>(r.mark));
    std::string out = "\t\t";
    out += r.address.is_v6() ? "ip6" : "ip";
    out += " daddr " + r.address.to_string() + " " + std::string(protocol_match(r.protocol)) + " dport ";
    out += ports_text(joined(r.ports)) + " meta mark set " + mark.data();
    if (fits_comment(r.service)) {
        out += " comment \"" + r.service + "\"";
    }
    return out + "\n";
}

} // namespace

std::string ruleset(std::span<ipvs::mark_rule const> rules) {
    std::string out = std::string("table inet ") + table_name + " {\n\tchain services {\n";
    for (auto const& r : rules) {
        out += rule_text(r);
    }
    out += "\t}\n\n"
           "\tchain prerouting {\n\t\ttype filter hook prerouting priority -150; policy accept;\n\t\tjump "
           "services\n\t}\n\n"
           "\tchain output {\n\t\ttype route hook output priority -150; policy accept;\n\t\tjump services\n\t}\n}\n";
    return out;
}

} // namespace balance::firewall
