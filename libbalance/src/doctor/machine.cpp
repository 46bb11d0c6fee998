// SPDX-License-Identifier: Apache-2.0
#include "doctor/machine.hpp"

#include "firewall/program.hpp"
#include "firewall/ruleset.hpp"
#include "ipvs/channel.hpp"

#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace balance::doctor {
namespace {

constexpr milliseconds nft_limit{2000};
constexpr address_v4::uint_type anywhere = 0xc000'0201; ///< 192.0.2.1 of TEST-NET-1: only the default route leads there

template <class T, void (*Free)(T*)>
using owned = std::unique_ptr<T, decltype([](T* p) { Free(p); })>;

using netlink_socket = owned<nl_sock, nl_socket_free>;

netlink_socket route_socket() {
    netlink_socket s(nl_socket_alloc());
    return s && nl_connect(s.get(), NETLINK_ROUTE) >= 0 ? std::move(s) : nullptr;
}

std::optional<address_v4> as_v4(nl_addr const* a) {
    if (a == nullptr || nl_addr_get_family(a) != AF_INET || nl_addr_get_len(a) != 4) {
        return std::nullopt;
    }
    address_v4::bytes_type bytes{};
    std::memcpy(bytes.data(), nl_addr_get_binary_addr(a), bytes.size());
    return address_v4(bytes);
}

std::optional<station> station_of(nl_sock* s, int index) {
    rtnl_link* found = nullptr;
    if (rtnl_link_get_kernel(s, index, nullptr, &found) < 0) {
        return std::nullopt;
    }
    owned<rtnl_link, rtnl_link_put> const link(found);
    station out{static_cast<unsigned>(index), rtnl_link_get_name(link.get()), {}, rtnl_link_get_mtu(link.get())};
    if (auto const* mac = rtnl_link_get_addr(link.get()); mac != nullptr && nl_addr_get_len(mac) == out.mac.size()) {
        std::memcpy(out.mac.data(), nl_addr_get_binary_addr(mac), out.mac.size());
    }
    return out;
}

/// A strict filter drops clients who come in elsewhere than where the default route leads.
std::vector<strict_interface> strict_interfaces(ipvs::desired_table const& desired) {
    auto const world = way_to(address_v4(anywhere));
    std::vector<strict_interface> out;
    if (!world) {
        return out;
    }
    auto const all = firewall::current_sysctl("net.ipv4.conf.all.rp_filter");
    for (auto const& n : firewall::local_networks()) {
        bool const serves = std::any_of(desired.addresses.begin(), desired.addresses.end(),
                                        [&](address const& a) { return firewall::contains(n, a); });
        auto const own = firewall::current_sysctl("net.ipv4.conf." + firewall::as_sysctl(n.interface) + ".rp_filter");
        bool const known = std::any_of(out.begin(), out.end(), [&](auto const& o) { return o.name == n.interface; });
        if (serves && !known && std::max(all, own) == "1" && n.interface != world->through.name) {
            out.push_back({n.interface, world->through.name});
        }
    }
    return out;
}

std::string_view next_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    auto const word = line.substr(0, line.find_first_of(" \t"));
    line.remove_prefix(word.size());
    return word;
}

} // namespace

machine_facts look_at_machine(ipvs::desired_table const& desired, bool hold) {
    machine_facts out;
    utsname name{};
    if (::uname(&name) == 0) {
        out.kernel = name.release;
    }
    auto opened = ipvs::channel::open();
    if (!opened && opened.error().code == errc::not_supported && firewall::load_module("ip_vs")) {
        opened = ipvs::channel::open();
    }
    if (!opened) {
        out.no_ipvs = opened.error().detail;
    }
    auto const chains = firewall::run_program("nft", {"list", "chains"}, {}, nft_limit);
    if (!chains) {
        out.no_nft = chains.error().detail;
    } else if (chains->exit_code != 0) {
        out.no_nft = "nft list chains: " + chains->err.substr(0, chains->err.find('\n'));
    } else {
        out.filters = dropping_chains(chains->out);
    }
    for (auto const& s : firewall::needed_sysctls(desired, firewall::local_networks(), hold)) {
        out.settings.push_back({s, firewall::current_sysctl(s.name)});
    }
    out.strict = strict_interfaces(desired);
    return out;
}

std::optional<way> way_to(address_v4 target) {
    auto const s = route_socket();
    auto const bytes = target.to_bytes();
    owned<nl_addr, nl_addr_put> const to(nl_addr_build(AF_INET, bytes.data(), bytes.size()));
    rtnl_route* found = nullptr;
    if (!s || !to || rtnl_route_lookup(s.get(), to.get(), &found) < 0) {
        return std::nullopt;
    }
    owned<rtnl_route, rtnl_route_put> const route(found);
    auto* const hop = rtnl_route_nexthop_n(route.get(), 0);
    auto const source = as_v4(rtnl_route_get_pref_src(route.get()));
    auto const through = hop == nullptr ? std::nullopt : station_of(s.get(), rtnl_route_nh_get_ifindex(hop));
    if (!through || !source) {
        return std::nullopt;
    }
    return way{*through, *source, as_v4(rtnl_route_nh_get_gateway(hop))};
}

std::vector<std::string> dropping_chains(std::string_view listing) {
    std::vector<std::string> out;
    std::string table;
    std::string chain;
    while (!listing.empty()) {
        auto line = listing.substr(0, listing.find('\n'));
        listing.remove_prefix(std::min(listing.size(), line.size() + 1));
        bool const hooks = line.find("hook forward") != line.npos && line.find("policy drop") != line.npos;
        auto const word = next_word(line);
        if (word == "table") {
            auto const family = std::string(next_word(line));
            table = family + " " + std::string(next_word(line));
        } else if (word == "chain") {
            chain = next_word(line);
        } else if (hooks && table != std::string("inet ") + firewall::table_name) {
            out.push_back(table + " " + chain);
        }
    }
    return out;
}

} // namespace balance::doctor
