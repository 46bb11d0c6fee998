// SPDX-License-Identifier: Apache-2.0
#include "firewall/chain_rules.hpp"

#include <balance/validate.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

namespace balance::firewall {
namespace {

using side = daisy_chain::side;

constexpr std::array<chain_table, 4> all_tables{{{side::taken, false}, {side::taken, true}, {side::given, false}, {side::given, true}}};

/// Connections that began here since the move. Packets of those beyond are passed on although nobody there knows them.
constexpr std::size_t most_begun = 131'072;
/// What may cross to the previous node, so that uploads through it leave room for heartbeats.
constexpr unsigned most_megabytes_per_second = 50;

std::string_view family(chain_table t) { return t.v6 ? "ip6" : "ip"; }

/// "192.0.2.1 . 80-81, …": ports of an address that follow on one another in one piece.
std::string elements(std::set<endpoint> const& endpoints, bool v6) {
    std::string out;
    for (auto at = endpoints.begin(); at != endpoints.end();) {
        auto const first = *at;
        auto last = first;
        for (++at; at != endpoints.end() && at->address == first.address && at->port == last.port + 1; ++at) {
            last = *at;
        }
        if (first.address.is_v6() != v6) {
            continue;
        }
        out += (out.empty() ? "" : ",\n\t\t\t     ") + first.address.to_string() + " . " + std::to_string(first.port) +
               (last.port == first.port ? "" : "-" + std::to_string(last.port));
    }
    return out;
}

/// The copy leaves with a life of one hop: should the other node not take it for its own, it goes nowhere else, least of
/// all back.
std::string taken_chain(chain_table t, address const& peer) {
    auto const ip = std::string(family(t));
    auto const connection = ip + " saddr . tcp sport . " + ip + " daddr . tcp dport";
    auto const life = ip + (t.v6 ? " hoplimit" : " ttl");
    return "\t\t" + ip + " daddr . tcp dport != @endpoints return\n" +
           "\t\ttcp flags syn / fin,syn,rst,ack update @begun { " + connection + " }\n" +
           "\t\ttcp flags syn / fin,syn,rst,ack return\n" + // also when there was no room
           "\t\t" + connection + " @begun return\n" +
           "\t\t" + life + " < 2 return\n" +
           "\t\tlimit rate over " + std::to_string(most_megabytes_per_second) + " mbytes/second burst 1 mbytes return\n" +
           "\t\t" + life + " set 2\n" +
           "\t\tdup to " + peer.to_string() + "\n";
}

std::string given_chain(chain_table t) {
    std::array<char, 16> mark{};
    std::snprintf(mark.data(), mark.size(), "0x%08x", static_cast<unsigned>(given_mark));
    return "\t\t" + std::string(family(t)) + " daddr . tcp dport @endpoints meta mark set " + mark.data() + "\n";
}

std::string chain_head(char const* name, char const* hook) {
    return std::string("\n\tchain ") + name + " {\n\t\ttype filter hook " + hook + " priority raw - 10; policy accept;\n";
}

/// As nft prints it. A reset without ACK answers a packet of a connection that the kernel does not know; the resets of
/// those that it knows have it.
std::string table_text(chain_table t, daisy_chain::settings const& s, bool asleep) {
    auto const ip = std::string(family(t));
    auto const type = ip == "ip6" ? std::string("ipv6_addr") : std::string("ipv4_addr");
    bool const taken = t.side == side::taken;
    std::string out = "table " + ip + " " + name_of(t) + " {\n" + (asleep ? "\tflags dormant\n\n" : "");
    out += "\tset endpoints {\n\t\ttype " + type + " . inet_service\n\t\tflags interval\n\t\telements = { " +
           elements(s.endpoints, t.v6) + " }\n\t}\n";
    if (taken) {
        out += "\n\tset begun {\n\t\ttype " + type + " . inet_service . " + type + " . inet_service\n\t\tsize " +
               std::to_string(most_begun) + "\n\t\tflags dynamic,timeout\n\t\ttimeout " +
               std::to_string(s.grace.count()) + "s\n\t}\n";
    }
    out += chain_head("arriving", "prerouting") + (taken ? taken_chain(t, t.v6 ? *s.v6 : *s.v4) : given_chain(t));
    out += "\t}\n" + chain_head("answering", "output");
    if (taken) {
        out += "\t\t" + ip + " daddr . tcp dport . " + ip + " saddr . tcp sport @begun return\n";
    }
    out += "\t\t" + ip + " saddr . tcp sport @endpoints tcp flags rst / rst,ack drop\n\t}\n}\n";
    return out;
}

} // namespace

char const* name_of(chain_table t) noexcept { return t.side == side::taken ? "dyad_taken" : "dyad_given"; }

std::vector<chain_table> tables_of(daisy_chain::settings const& s) {
    std::vector<chain_table> out;
    std::copy_if(all_tables.begin(), all_tables.end(), std::back_inserter(out), [&s](chain_table t) {
        bool const reachable = t.v6 ? s.v6.has_value() : s.v4.has_value();
        return reachable && std::any_of(s.endpoints.begin(), s.endpoints.end(),
                                        [t](endpoint const& e) { return e.address.is_v6() == t.v6; });
    });
    return out;
}

std::string chain_rules(daisy_chain::settings const& s, side awake) {
    std::string out;
    for (auto const t : all_tables) {
        // "table" makes it exist, so that "delete" cannot fail.
        auto const name = std::string(family(t)) + " " + name_of(t) + "\n";
        out += "table " + name + "delete table " + name;
    }
    for (auto const t : tables_of(s)) {
        out += table_text(t, s, t.side != awake);
    }
    return out;
}

} // namespace balance::firewall
