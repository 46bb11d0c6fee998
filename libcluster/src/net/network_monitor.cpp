// SPDX-License-Identifier: Apache-2.0
#include "net/network_monitor.hpp"

#include "net/system_error.hpp"

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace cluster::net {
namespace {

using nl_socket = std::unique_ptr<nl_sock, decltype([](nl_sock* s) { nl_socket_free(s); })>;

void take_link(network_view& view, nlmsghdr* m) {
    auto const* const info = static_cast<ifinfomsg const*>(nlmsg_data(m));
    if (info->ifi_family != AF_UNSPEC) {
        return; // bridge ports report themselves a second time
    }
    auto const index = static_cast<unsigned>(info->ifi_index);
    if (m->nlmsg_type == RTM_DELLINK) {
        view.remove_interface(index);
        return;
    }
    interface_info i;
    i.index = index;
    i.running = (info->ifi_flags & IFF_UP) != 0 && (info->ifi_flags & IFF_RUNNING) != 0;
    if (auto const* const name = nlmsg_find_attr(m, sizeof *info, IFLA_IFNAME)) {
        i.name = nla_get_string(name);
    }
    auto const* const hardware = nlmsg_find_attr(m, sizeof *info, IFLA_ADDRESS);
    if (info->ifi_type == ARPHRD_ETHER && hardware != nullptr && nla_len(hardware) == int{i.mac.size()}) {
        i.ethernet = true;
        std::copy_n(static_cast<std::uint8_t const*>(nla_data(hardware)), i.mac.size(), i.mac.begin());
    }
    view.put(std::move(i));
}

std::optional<address> read_address(nlattr const* attribute) {
    if (attribute == nullptr) {
        return std::nullopt;
    }
    auto const* const data = static_cast<std::uint8_t const*>(nla_data(attribute));
    if (nla_len(attribute) == 4) {
        boost::asio::ip::address_v4::bytes_type bytes{};
        std::copy_n(data, bytes.size(), bytes.begin());
        return boost::asio::ip::address_v4{bytes};
    }
    if (nla_len(attribute) == 16) {
        boost::asio::ip::address_v6::bytes_type bytes{};
        std::copy_n(data, bytes.size(), bytes.begin());
        return boost::asio::ip::address_v6{bytes};
    }
    return std::nullopt;
}

void take_address(network_view& view, nlmsghdr* m) {
    auto const* const info = static_cast<ifaddrmsg const*>(nlmsg_data(m));
    // IFA_ADDRESS is the far end on a point-to-point interface; IFA_LOCAL, where there is one, is ours.
    auto found = read_address(nlmsg_find_attr(m, sizeof *info, IFA_LOCAL));
    if (!found) {
        found = read_address(nlmsg_find_attr(m, sizeof *info, IFA_ADDRESS));
    }
    if (!found) {
        return;
    }
    placed_address const a{info->ifa_index, *found, info->ifa_prefixlen};
    if (m->nlmsg_type == RTM_NEWADDR) {
        view.put(a);
    } else {
        view.remove(a);
    }
}

int take_message(nl_msg* message, void* to) {
    auto& view = *static_cast<network_view*>(to);
    auto* const m = nlmsg_hdr(message);
    switch (m->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        if (nlmsg_valid_hdr(m, sizeof(ifinfomsg)) != 0) {
            take_link(view, m);
        }
        break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
        if (nlmsg_valid_hdr(m, sizeof(ifaddrmsg)) != 0) {
            take_address(view, m);
        }
        break;
    default:
        break;
    }
    return NL_OK;
}

nl_socket connect() {
    nl_socket s{nl_socket_alloc()};
    return s != nullptr && nl_connect(s.get(), NETLINK_ROUTE) == 0 ? std::move(s) : nullptr;
}

/// Reads all links, then all addresses.
void dump(network_view& view) {
    auto const s = connect();
    if (s == nullptr) {
        return;
    }
    nl_socket_modify_cb(s.get(), NL_CB_VALID, NL_CB_CUSTOM, take_message, &view);
    for (int const type : {RTM_GETLINK, RTM_GETADDR}) {
        rtgenmsg all{AF_UNSPEC};
        if (nl_send_simple(s.get(), type, NLM_F_DUMP, &all, sizeof all) >= 0) {
            nl_recvmsgs_default(s.get());
        }
    }
}

} // namespace

struct network_monitor::state {
    nl_socket events;
    network_view view;
};

network_monitor::network_monitor(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
network_monitor::network_monitor(network_monitor&&) noexcept = default;
network_monitor& network_monitor::operator=(network_monitor&&) noexcept = default;
network_monitor::~network_monitor() = default;

result<network_monitor> network_monitor::open() {
    auto s = std::make_unique<state>();
    s->events = connect();
    if (s->events == nullptr) {
        return system_error("opening a route netlink socket", errno);
    }
    auto* const events = s->events.get();
    constexpr int buffer = 4 << 20; // a renewal of 500 addresses is 500 messages
    nl_socket_disable_seq_check(events);
    nl_socket_set_nonblocking(events);
    nl_socket_modify_cb(events, NL_CB_VALID, NL_CB_CUSTOM, take_message, &s->view);
    ::setsockopt(nl_socket_get_fd(events), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    if (nl_socket_add_memberships(events, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_NONE) != 0) {
        return system_error("subscribing to the kernel's link and address messages", errno);
    }
    dump(s->view); // after the subscription: what changes meanwhile comes as a message
    return network_monitor{std::move(s)};
}

int network_monitor::descriptor() const noexcept { return nl_socket_get_fd(state_->events.get()); }

void network_monitor::update() {
    for (;;) {
        auto const answer = nl_recvmsgs_default(state_->events.get());
        if (answer == -NLE_AGAIN) {
            return;
        }
        if (answer == -NLE_NOMEM) { // ENOBUFS: messages were lost
            state_->view.clear();
            dump(state_->view);
        } else if (answer < 0) {
            return;
        }
    }
}

network_view const& network_monitor::view() const noexcept { return state_->view; }

} // namespace cluster::net
