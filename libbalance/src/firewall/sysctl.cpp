// SPDX-License-Identifier: Apache-2.0
#include "firewall/sysctl.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <memory>

namespace balance::firewall {
namespace {

using boost::asio::ip::address_v4;

bool is_nat(ipvs::desired_destination const& d) { return d.config.method == ipvs::forwarding::masquerade; }

/// A path turns the dots of the name into slashes and the slashes into dots, as sysctl(8) does.
std::string as_path(std::string name) {
    for (auto& c : name) {
        c = c == '.' ? '/' : c == '/' ? '.' : c;
    }
    return name;
}

} // namespace

bool contains(interface_network const& n, address const& a) {
    if (!n.address.is_v4() || !a.is_v4() || n.prefix == 0) {
        return false;
    }
    auto const mask = 0xffff'ffffU << (32 - std::min(n.prefix, 32U));
    return ((n.address.to_v4().to_uint() ^ a.to_v4().to_uint()) & mask) == 0;
}

std::string as_sysctl(std::string interface) {
    std::replace(interface.begin(), interface.end(), '.', '/');
    return interface;
}

std::vector<sysctl> needed_sysctls(ipvs::desired_table const& desired, std::vector<interface_network> const& networks,
                                   bool hold) {
    std::vector<sysctl> out;
    if (desired.services.empty()) {
        return out;
    }
    out.push_back({"net.ipv4.vs.expire_nodest_conn", "1", "the connections of a removed server end at once"});
    out.push_back({"net.ipv4.vs.expire_quiescent_template", desired.clients_stay ? "0" : "1",
                   desired.clients_stay ? "persistent clients stay with a drained server" : "persistent clients leave a server of weight 0"});
    out.push_back({"net.ipv4.vs.sloppy_tcp", hold ? "0" : "1",
                   hold ? "connections in mid-stream wait until the peer has told of them"
                        : "after a take-over a connection in mid-stream may choose a server"});
    // With this set, a sync daemon that receives would not balance, and both run on both nodes.
    out.push_back({"net.ipv4.vs.backup_only", "0", "a node that hears of the peer's connections balances too"});
    bool nat4 = false;
    bool nat6 = false;
    std::set<std::string> one_armed; // interfaces with servers: replies may leave where they came in
    for (auto const& s : desired.services) {
        for (auto const& d : s.destinations) {
            if (!is_nat(d)) {
                continue;
            }
            (d.config.remote.address.is_v6() ? nat6 : nat4) = true;
            for (auto const& n : networks) {
                if (contains(n, d.config.remote.address)) {
                    one_armed.insert(n.interface);
                }
            }
        }
    }
    if (!desired.rules.sources.empty()) {
        out.push_back({"net.ipv4.vs.conntrack", "1", "connections of snat services get another source address",
                       "the source address cannot be translated"});
    }
    if (nat4 || nat6) {
        out.push_back({"net.ipv4.vs.nat_icmp_send", "1", "real servers of a connection that is gone hear of it"});
    }
    auto const forwarded = "replies of real servers are forwarded to clients";
    auto const lost = "replies of the real servers are not forwarded to the clients";
    if (nat4) {
        out.push_back({"net.ipv4.ip_forward", "1", forwarded, lost});
    }
    if (nat6) {
        out.push_back({"net.ipv6.conf.all.forwarding", "1", forwarded, lost});
    }
    auto const direct = "real servers are not told to answer clients of their own network directly, past the translation";
    // Redirects are sent when "all" or the interface says so.
    if (!one_armed.empty()) {
        out.push_back({"net.ipv4.conf.all.send_redirects", "0", direct});
    }
    for (auto const& interface : one_armed) {
        out.push_back({"net.ipv4.conf." + as_sysctl(interface) + ".send_redirects", "0", direct});
    }
    return out;
}

std::vector<interface_network> local_networks() {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) {
        return {};
    }
    std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> const owner(list, &freeifaddrs);
    std::vector<interface_network> out;
    for (auto const* i = list; i != nullptr; i = i->ifa_next) {
        if (i->ifa_addr == nullptr || i->ifa_netmask == nullptr || i->ifa_addr->sa_family != AF_INET) {
            continue;
        }
        sockaddr_in address{};
        sockaddr_in mask{};
        std::memcpy(&address, i->ifa_addr, sizeof(address));
        std::memcpy(&mask, i->ifa_netmask, sizeof(mask));
        auto const prefix = static_cast<unsigned>(std::popcount(mask.sin_addr.s_addr));
        out.push_back({i->ifa_name, address_v4(ntohl(address.sin_addr.s_addr)), prefix});
    }
    return out;
}

std::string current_sysctl(std::string const& name, std::filesystem::path const& root) {
    std::string out;
    std::getline(std::ifstream(root / as_path(name)), out);
    return out;
}

sysctl_writer::outcome sysctl_writer::apply(std::vector<sysctl> const& wanted) {
    outcome out;
    for (auto const& s : wanted) {
        auto const is = current_sysctl(s.name, root_);
        if (is.empty() || is == s.value) {
            continue;
        }
        std::ofstream file(root_ / as_path(s.name));
        if (file << s.value << std::flush) {
            out.done.push_back("sysctl " + s.name + " " + is + " -> " + s.value);
            written_.try_emplace(s.name, written{is, {}}).first->second.value = s.value;
            continue;
        }
        auto text = "sysctl " + s.name + " is " + is + " and could not be set to " + s.value +
                    ": set it with \"sysctl -w " + s.name + "=" + s.value + "\"";
        if (!s.without.empty()) {
            out.unserved = s.without + ": " + text;
        }
        if (said_.insert(s.name).second) {
            out.failed.push_back(std::move(text));
        }
    }
    return out;
}

void sysctl_writer::reset() {
    for (auto const& [name, w] : written_) {
        if (current_sysctl(name, root_) == w.value) {
            std::ofstream(root_ / as_path(name)) << w.before;
        }
    }
    written_.clear();
}

} // namespace balance::firewall
