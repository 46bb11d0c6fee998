// SPDX-License-Identifier: Apache-2.0
#include "firewall/mark_route.hpp"

#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>
#include <netlink/socket.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <memory>
#include <string>

namespace balance::firewall {
namespace {

constexpr int loopback = 1;           // has this index in every namespace

using socket_handle = std::unique_ptr<nl_sock, decltype([](nl_sock* s) { nl_socket_free(s); })>;
using rule_handle = std::unique_ptr<rtnl_rule, decltype([](rtnl_rule* r) { rtnl_rule_put(r); })>;
using route_handle = std::unique_ptr<rtnl_route, decltype([](rtnl_route* r) { rtnl_route_put(r); })>;
using address_handle = std::unique_ptr<nl_addr, decltype([](nl_addr* a) { nl_addr_put(a); })>;

error route_error(char const* what, int code) {
    return make_error(code == -NLE_PERM ? errc::not_permitted : errc::io_error,
                      std::string(what) + ": " + nl_geterror(code));
}

socket_handle open_socket() {
    socket_handle out(nl_socket_alloc());
    return out && nl_connect(out.get(), NETLINK_ROUTE) == 0 ? std::move(out) : socket_handle();
}

rule_handle rule_of(int family, std::uint32_t mark, std::uint32_t table) {
    rule_handle out(rtnl_rule_alloc());
    rtnl_rule_set_family(out.get(), family);
    rtnl_rule_set_action(out.get(), FR_ACT_TO_TBL);
    rtnl_rule_set_table(out.get(), table);
    rtnl_rule_set_prio(out.get(), table);
    rtnl_rule_set_mark(out.get(), mark);
    rtnl_rule_set_mask(out.get(), 0xffff'ffff);
    return out;
}

route_handle route_of(int family, std::uint32_t table) {
    route_handle out(rtnl_route_alloc());
    address_handle const everything(nl_addr_build(family, nullptr, 0));
    rtnl_route_set_family(out.get(), static_cast<std::uint8_t>(family));
    rtnl_route_set_table(out.get(), table);
    rtnl_route_set_type(out.get(), RTN_LOCAL);
    rtnl_route_set_scope(out.get(), RT_SCOPE_HOST);
    rtnl_route_set_dst(out.get(), everything.get());
    auto* const hop = rtnl_route_nh_alloc();
    rtnl_route_nh_set_ifindex(hop, loopback);
    rtnl_route_add_nexthop(out.get(), hop); // the route owns it
    return out;
}

} // namespace

result<bool> deliver_locally(std::uint32_t mark, std::uint32_t table) {
    auto const socket = open_socket();
    if (!socket) {
        return make_error(errc::io_error, "opening a route netlink socket failed");
    }
    bool changed = false;
    for (int const family : {AF_INET, AF_INET6}) {
        for (int const answer : {rtnl_route_add(socket.get(), route_of(family, table).get(), NLM_F_EXCL),
                                 rtnl_rule_add(socket.get(), rule_of(family, mark, table).get(), NLM_F_EXCL)}) {
            if (answer != 0 && answer != -NLE_EXIST && family == AF_INET) { // IPv6 may be off
                return route_error("routing marked packets to this node", answer);
            }
            changed = changed || answer == 0;
        }
    }
    return changed;
}

void undo_deliver_locally(std::uint32_t mark, std::uint32_t table) {
    if (auto const socket = open_socket()) {
        for (int const family : {AF_INET, AF_INET6}) {
            rtnl_rule_delete(socket.get(), rule_of(family, mark, table).get(), 0);
            rtnl_route_delete(socket.get(), route_of(family, table).get(), 0);
        }
    }
}

} // namespace balance::firewall
