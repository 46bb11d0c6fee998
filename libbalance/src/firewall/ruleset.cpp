// SPDX-License-Identifier: Apache-2.0
#include "firewall/ruleset.hpp"

#include <balance/text.hpp>
#include <balance/validate.hpp>

#include <algorithm>
#include <array>
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
    case protocol::sctp:
        return "sctp";
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

std::string comment_text(std::string_view service) {
    return fits_comment(service) ? " comment \"" + std::string(service) + "\"" : std::string();
}

std::string mark_text(std::uint32_t mark) {
    std::array<char, 16> out{};
    std::snprintf(out.data(), out.size(), "0x%08x", static_cast<unsigned>(mark));
    return out.data();
}

std::string family(address const& a) { return a.is_v6() ? "ip6" : "ip"; }

std::string rule_text(ipvs::mark_rule const& r) {
    return "\t\t" + family(r.address) + " daddr " + r.address.to_string() + " " + std::string(protocol_match(r.protocol)) +
           " dport " + ports_text(joined(r.ports)) + " meta mark set " + mark_text(r.mark) + comment_text(r.service) +
           "\n";
}

/// A protocol's number; a rule by address has one.
std::string_view number_text(protocol p) {
    switch (p) {
    case protocol::udp:
        return "17";
    case protocol::sctp:
        return "132";
    default:
        return "6";
    }
}

std::string rule_text(ipvs::source_rule const& r) {
    std::string out = "\t\t";
    if (r.mark != 0) {
        out += "meta mark " + mark_text(r.mark);
    } else {
        // IPVS has put the server in place of the service's address; connection tracking remembers it.
        out += "meta l4proto " + std::string(number_text(r.protocol)) + " ct original " + family(r.address) + " daddr " +
               r.address.to_string() + " ct original proto-dst " + std::to_string(r.port);
    }
    return out + " snat " + family(r.source) + " to " + r.source.to_string() + comment_text(r.service) + "\n";
}

std::string masquerade_text(ipvs::masquerade_rule const& r, bool v6) {
    std::vector<std::string> machines;
    for (auto const& m : r.machines) {
        if (m.is_v6() == v6) {
            machines.push_back(m.to_string());
        }
    }
    if (machines.empty()) {
        return {};
    }
    auto const out = "\t\toifname \"" + r.interface + "\" " + (v6 ? "ip6" : "ip") + " saddr ";
    if (machines.size() == 1) {
        return out + machines.front() + " masquerade\n";
    }
    std::string list;
    for (auto const& m : machines) {
        list += (list.empty() ? "" : ", ") + m;
    }
    return out + "{ " + list + " } masquerade\n";
}

/// The first packet of a connection alone, so that those of IPVS stay what they are.
std::string page_text(ipvs::page_rule const& r) {
    auto const where = r.address.to_string();
    return "\t\t" + family(r.address) + " daddr " + where + " tcp dport " + ports_text(joined(r.ports)) +
           " tcp flags 0x2 / 0x1,0x2,0x4,0x10 dnat " + family(r.address) + " to " +
           (r.address.is_v6() ? "[" + where + "]" : where) + ":" + std::to_string(r.page_port) + comment_text(r.service) +
           "\n";
}

std::string from_server(ipvs::port_rule const& r) {
    return "\t\t" + family(r.address) + " saddr " + r.address.to_string() + " tcp sport " + ports_text(joined(r.ports));
}

/// The hooks come after IPVS has taken what it knows (98 and 99 on the way in, 100 on the way through). Of what only
/// passes through, connections that this node has seen both ways of are none of a service, but for those whose source
/// was translated for one: their packets come by there when the peer has told of the translation, and IPVS not yet of
/// the connection.
std::string held_text(ipvs::packet_rules const& rules) {
    std::string in;
    std::string through;
    for (auto const& r : rules.held_clients) {
        in += "\t\t" + family(r.address) + " daddr " + r.address.to_string() + " tcp dport " + ports_text(joined(r.ports)) +
              " tcp flags ! 0x2,0x4 drop" + comment_text(r.service) + "\n";
    }
    for (auto const& r : rules.held_servers) {
        if (r.to) {
            auto const ours = family(*r.to) + " daddr " + r.to->to_string() + " drop" + comment_text(r.service) + "\n";
            in += from_server(r) + " " + ours;
            through += from_server(r) + " ct reply " + ours;
        } else {
            through += from_server(r) + " tcp flags ! 0x2 ct state 0x8 drop" + comment_text(r.service) + "\n";
        }
    }
    std::string out = "\tchain unknown_in {\n\t\ttype filter hook input priority 110; policy accept;\n" + in + "\t}\n";
    if (!through.empty()) {
        out += "\n\tchain unknown_through {\n\t\ttype filter hook forward priority 110; policy accept;\n" + through +
               "\t}\n";
    }
    return out;
}

/// Connections that clients themselves have with these servers, through this node, have no socket here.
std::string borrowed_text(std::vector<ipvs::port_rule> const& rules) {
    std::string out = "\tchain borrowed {\n\t\ttype filter hook prerouting priority -150; policy accept;\n";
    for (auto const& r : rules) {
        out += from_server(r) + " socket transparent 1 meta mark set " + mark_text(borrowed_mark) + comment_text(r.service) + "\n";
    }
    return out + "\t}\n";
}

/// The kernel's own sockets belong to nobody, so all that has an owner is somebody else.
std::string guard_text(std::string const& interface) {
    return "\tchain guard {\n\t\ttype filter hook output priority 0; policy accept;\n\t\toifname \"" + interface +
           "\" meta skuid 0-4294967295 drop\n\t}\n";
}

} // namespace

std::string ruleset(ipvs::packet_rules const& rules) {
    std::string out;
    auto const next_chain = [&out] { out += out.empty() ? "" : "\n"; };
    if (!rules.marks.empty()) {
        out += "\tchain services {\n";
        for (auto const& r : rules.marks) {
            out += rule_text(r);
        }
        out += "\t}\n\n"
               "\tchain prerouting {\n\t\ttype filter hook prerouting priority -150; policy accept;\n\t\tjump "
               "services\n\t}\n\n"
               "\tchain output {\n\t\ttype route hook output priority -150; policy accept;\n\t\tfib daddr type 2 jump "
               "services\n\t}\n";
    }
    if (!rules.pages.empty()) {
        next_chain();
        out += "\tchain pages {\n\t\ttype nat hook prerouting priority -100; policy accept;\n";
        for (auto const& r : rules.pages) {
            out += page_text(r);
        }
        out += "\t}\n";
    }
    if (!rules.sources.empty() || !rules.masquerade.machines.empty()) {
        next_chain();
        out += "\tchain postrouting {\n\t\ttype nat hook postrouting priority 100; policy accept;\n";
        for (auto const& r : rules.sources) {
            out += rule_text(r);
        }
        out += masquerade_text(rules.masquerade, false) + masquerade_text(rules.masquerade, true) + "\t}\n";
    }
    if (!rules.held_clients.empty()) {
        next_chain();
        out += held_text(rules);
    }
    if (!rules.borrowed.empty()) {
        next_chain();
        out += borrowed_text(rules.borrowed);
    }
    if (!rules.guarded_interface.empty()) {
        next_chain();
        out += guard_text(rules.guarded_interface);
    }
    return std::string("table inet ") + table_name + " {\n" + out + "}\n";
}

} // namespace balance::firewall
