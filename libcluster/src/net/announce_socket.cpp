// SPDX-License-Identifier: Apache-2.0
#include "net/announce_socket.hpp"

#include "net/announce_frames.hpp"
#include "net/system_error.hpp"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>

namespace cluster::net {

result<announce_socket> announce_socket::open() {
    // Protocol 0: receives nothing.
    unique_fd fd{::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd) {
        return system_error("opening a packet socket for gratuitous ARP", errno);
    }
    return announce_socket{std::move(fd)};
}

void announce_socket::announce(held_address const& a) noexcept {
    auto const& where = a.floating.address;
    if (where.is_v4()) {
        send(a.interface, gratuitous_arp(arp_operation::request, a.mac, where.to_v4()));
        send(a.interface, gratuitous_arp(arp_operation::reply, a.mac, where.to_v4()));
    } else {
        send(a.interface, unsolicited_advertisement(a.mac, where.to_v6(), a.router));
    }
}

void announce_socket::send(unsigned interface, std::span<std::uint8_t const> frame) noexcept {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(interface);
    ::sendto(fd_.get(), frame.data(), frame.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr const*>(&to), sizeof to);
}

} // namespace cluster::net
