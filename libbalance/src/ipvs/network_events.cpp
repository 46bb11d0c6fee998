// SPDX-License-Identifier: Apache-2.0
#include "ipvs/network_events.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <string>
#include <utility>

namespace balance::ipvs {
namespace {

constexpr int most_at_once = 256; ///< notices; whoever floods us gets no more of the caller's time

int subscribe(int protocol, std::initializer_list<int> groups) {
    int const fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    sockaddr_nl self{};
    self.nl_family = AF_NETLINK;
    bool good = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&self), sizeof self) == 0;
    for (int const group : groups) {
        good = good && ::setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0;
    }
    if (!good && fd >= 0) {
        int const why = errno;
        ::close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

/// Calls `use(datagram)` for what has come; a full buffer, which loses notices, counts as one that says nothing.
template <class Use>
void read_some(int fd, Use use) {
    std::array<std::byte, 8192> buffer;
    for (int i = 0; i < most_at_once; ++i) {
        auto const size = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (size >= 0) {
            use(byte_span(buffer).first(static_cast<std::size_t>(size)));
        } else if (errno == ENOBUFS) {
            use(byte_span{});
        } else if (errno != EINTR) {
            return;
        }
    }
}

/// Interface, address and prefix: what an address is told apart by. Empty when the message is malformed.
std::string key_of(byte_span payload) {
    ifaddrmsg head{};
    if (payload.size() < sizeof head) {
        return {};
    }
    std::memcpy(&head, payload.data(), sizeof head);
    auto out = std::to_string(head.ifa_index) + "/" + std::to_string(head.ifa_prefixlen) + "/";
    attribute_reader attributes(payload.subspan(NLMSG_ALIGN(sizeof head)));
    while (auto const a = attributes.next()) {
        if (a->type == IFA_ADDRESS || a->type == IFA_LOCAL) {
            out += std::to_string(a->type);
            out.append(reinterpret_cast<char const*>(a->payload.data()), a->payload.size());
        }
    }
    return out;
}

} // namespace

bool address_ledger::take(byte_span datagram) {
    bool news = datagram.empty();
    if (news) {
        known_.clear(); // a removal may have been lost
    }
    while (datagram.size() >= sizeof(nlmsghdr)) {
        nlmsghdr header{};
        std::memcpy(&header, datagram.data(), sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) {
            known_.clear();
            return true;
        }
        auto const payload = datagram.subspan(sizeof header, header.nlmsg_len - sizeof header);
        if (header.nlmsg_type == RTM_NEWADDR) {
            news |= known_.insert(key_of(payload)).second;
        } else {
            if (header.nlmsg_type == RTM_DELADDR) {
                known_.erase(key_of(payload));
            }
            news = true;
        }
        datagram = datagram.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
    }
    return news;
}

result<network_events> network_events::open() {
    network_events out;
    out.routes_ = subscribe(
        NETLINK_ROUTE, {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE});
    if (out.routes_ >= 0) {
        out.rules_ = subscribe(NETLINK_NETFILTER, {NFNLGRP_NFTABLES});
    }
    if (out.rules_ < 0) {
        bool const forbidden = errno == EPERM || errno == EACCES;
        return make_error(forbidden ? errc::not_permitted : errc::io_error,
                          std::string("the kernel's notices cannot be had: ") + std::strerror(errno));
    }
    return out;
}

network_events::~network_events() {
    for (int const fd : {routes_, rules_}) {
        if (fd >= 0) {
            ::close(fd);
        }
    }
}

network_events::network_events(network_events&& other) noexcept
    : routes_(std::exchange(other.routes_, -1)), rules_(std::exchange(other.rules_, -1)),
      addresses_(std::move(other.addresses_)) {}

network_events& network_events::operator=(network_events&& other) noexcept {
    std::swap(routes_, other.routes_);
    std::swap(rules_, other.rules_);
    std::swap(addresses_, other.addresses_);
    return *this;
}

bool network_events::drain() {
    bool news = false;
    read_some(routes_, [&](byte_span datagram) { news |= addresses_.take(datagram); });
    read_some(rules_, [&](byte_span) { news = true; });
    return news;
}

} // namespace balance::ipvs
