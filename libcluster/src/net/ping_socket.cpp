// SPDX-License-Identifier: Apache-2.0
#include "net/ping_socket.hpp"

#include "net/socket_address.hpp"
#include "net/system_error.hpp"

#include <linux/icmp.h>
#include <netinet/icmp6.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace cluster::net {
namespace {

void accept_replies_only(int fd, bool v4) noexcept {
    if (v4) {
        icmp_filter filter{~(1u << ICMP_ECHOREPLY)};
        ::setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
    } else {
        icmp6_filter filter;
        ICMP6_FILTER_SETBLOCKALL(&filter);
        ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
        ::setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
    }
}

address address_of(socket_address const& s) {
    if (s.any.sa_family == AF_INET) {
        return boost::asio::ip::address_v4{ntohl(s.v4.sin_addr.s_addr)};
    }
    boost::asio::ip::address_v6::bytes_type bytes{};
    std::memcpy(bytes.data(), &s.v6.sin6_addr, bytes.size());
    return boost::asio::ip::address_v6{bytes};
}

} // namespace

result<ping_socket> ping_socket::open(bool v4, std::uint16_t identifier) {
    unique_fd fd{::socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                          v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6})};
    if (!fd) {
        return system_error("opening a raw ICMP socket for the ping nodes", errno);
    }
    accept_replies_only(fd.get(), v4);
    return ping_socket{std::move(fd), v4, identifier};
}

void ping_socket::send(address const& to, std::uint16_t sequence) noexcept {
    auto const message = echo_request(v4_, identifier_, sequence);
    socket_address const peer{endpoint{to, 0}};
    ::sendto(fd_.get(), message.data(), message.size(), MSG_DONTWAIT, &peer.any, peer.size());
}

std::optional<ping_tally::time_point> ping_socket::receive(ping_tally& tally, ping_tally::time_point now) noexcept {
    std::optional<ping_tally::time_point> newest;
    constexpr int most = 64; // somebody's flood of replies must not keep this thread
    for (int i = 0; i < most; ++i) {
        std::array<std::uint8_t, 128> bytes;
        socket_address from;
        socklen_t size = sizeof from;
        auto const got = ::recvfrom(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT, &from.any, &size);
        if (got < 0) {
            break;
        }
        auto const reply = read_echo_reply(v4_, std::span{bytes}.first(static_cast<std::size_t>(got)));
        if (reply && reply->identifier == identifier_) {
            newest = std::max(newest, tally.receive(address_of(from), reply->sequence, now));
        }
    }
    return newest;
}

} // namespace cluster::net
