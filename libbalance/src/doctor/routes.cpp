// SPDX-License-Identifier: Apache-2.0
#include "doctor/routes.hpp"

#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include <net/if.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace balance::doctor {
namespace {

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

station station_of(rtnl_link* link) {
    station out{
        static_cast<unsigned>(rtnl_link_get_ifindex(link)), rtnl_link_get_name(link), {}, rtnl_link_get_mtu(link)};
    auto const* mac = rtnl_link_get_addr(link);
    out.has_arp = rtnl_link_get_arptype(link) == ARPHRD_ETHER && (rtnl_link_get_flags(link) & IFF_NOARP) == 0 &&
                  mac != nullptr && nl_addr_get_len(mac) == out.mac.size();
    if (out.has_arp) {
        std::memcpy(out.mac.data(), nl_addr_get_binary_addr(mac), out.mac.size());
    }
    return out;
}

way not_known(std::string why) { return {way::kind::unknown, std::move(why)}; }

/// libnl has no code of its own for ENETUNREACH and EHOSTUNREACH ("no route", "unreachable"); EACCES is a route that
/// says "prohibit", EINVAL one that says "blackhole" (man 8 ip-route).
way of_error(int code) {
    if (code == -NLE_FAILURE || code == -NLE_NOACCESS || code == -NLE_INVAL) {
        return {way::kind::none};
    }
    return not_known(std::string("the kernel did not tell the route: ") + nl_geterror(code));
}

way way_of(rtnl_route* route, std::vector<station> const& known) {
    auto const type = rtnl_route_get_type(route);
    if (type == RTN_LOCAL) {
        return {way::kind::own};
    }
    if (type == RTN_BLACKHOLE || type == RTN_UNREACHABLE || type == RTN_PROHIBIT) {
        return {way::kind::none};
    }
    auto* const hop = rtnl_route_nexthop_n(route, 0);
    auto const source = as_v4(rtnl_route_get_pref_src(route));
    if (type != RTN_UNICAST || hop == nullptr || !source) {
        return not_known("the kernel's route to it is none to a machine");
    }
    auto const index = static_cast<unsigned>(rtnl_route_nh_get_ifindex(hop));
    auto const through = std::find_if(known.begin(), known.end(), [&](station const& s) { return s.index == index; });
    if (through == known.end()) {
        return not_known("the interface that leads there is not known");
    }
    auto const gateway = as_v4(rtnl_route_nh_get_gateway(hop));
    return {gateway ? way::kind::router : way::kind::neighbour, {}, *through, *source, gateway.value_or(address_v4{})};
}

} // namespace

std::vector<station> stations() {
    auto const s = route_socket();
    nl_cache* list = nullptr;
    if (!s || rtnl_link_alloc_cache(s.get(), AF_UNSPEC, &list) < 0) {
        return {};
    }
    owned<nl_cache, nl_cache_free> const links(list);
    std::vector<station> out;
    for (auto* i = nl_cache_get_first(list); i != nullptr; i = nl_cache_get_next(i)) {
        out.push_back(station_of(reinterpret_cast<rtnl_link*>(i)));
    }
    return out;
}

way way_to(address_v4 target, std::vector<station> const& known) {
    auto const s = route_socket();
    auto const bytes = target.to_bytes();
    owned<nl_addr, nl_addr_put> const to(nl_addr_build(AF_INET, bytes.data(), bytes.size()));
    if (!s || !to) {
        return not_known("the kernel could not be asked for the route");
    }
    rtnl_route* found = nullptr;
    if (int const code = rtnl_route_lookup(s.get(), to.get(), &found); code < 0) {
        return of_error(code);
    }
    owned<rtnl_route, rtnl_route_put> const route(found);
    return way_of(route.get(), known);
}

} // namespace balance::doctor
