// SPDX-License-Identifier: Apache-2.0
#include "net/announce_socket.hpp"

#include "net/system_error.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace cluster::net {

namespace {

/// Lets through ARP replies to nobody's address, which answer probes; all other ARP of the network stays in the kernel.
bool filter(int fd) noexcept {
    constexpr std::uint8_t not_us = 3; // instructions to skip
    std::array<sock_filter, 6> program{{
        {BPF_LD | BPF_H | BPF_ABS, 0, 0, 20}, // operation
        {BPF_JMP | BPF_JEQ | BPF_K, 0, not_us, static_cast<std::uint32_t>(arp_operation::reply)},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 38}, // target address
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0},
        {BPF_RET | BPF_K, 0, 0, 64},
        {BPF_RET | BPF_K, 0, 0, 0},
    }};
    sock_fprog const all{program.size(), program.data()};
    return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all) == 0;
}

} // namespace

result<announce_socket> announce_socket::open() {
    // Protocol 0 receives nothing; the filter must be there before something can.
    unique_fd fd{::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    sockaddr_ll everywhere{};
    everywhere.sll_family = AF_PACKET;
    everywhere.sll_protocol = htons(ETH_P_ARP);
    if (!fd || !filter(fd.get()) ||
        ::bind(fd.get(), reinterpret_cast<sockaddr const*>(&everywhere), sizeof everywhere) != 0) {
        return system_error("opening a packet socket for gratuitous ARP", errno);
    }
    return announce_socket{std::move(fd)};
}

void announce_socket::announce(announcement const& a) noexcept {
    auto const& [what, probe] = a;
    auto const& where = what.floating.address;
    if (where.is_v6()) {
        send(what.interface, unsolicited_advertisement(what.mac, where.to_v6(), what.router));
        return;
    }
    send(what.interface, gratuitous_arp(arp_operation::request, what.mac, where.to_v4()));
    send(what.interface, gratuitous_arp(arp_operation::reply, what.mac, where.to_v4()));
    if (probe) {
        send(what.interface, arp_probe(what.mac, where.to_v4()));
    }
}

std::optional<announce_socket::answer> announce_socket::receive() noexcept {
    std::array<std::uint8_t, 64> bytes;
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    auto const got =
        ::recvfrom(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) {
        return std::nullopt;
    }
    auto const who = read_arp_answer(std::span{bytes}.first(static_cast<std::size_t>(got)));
    return answer{static_cast<unsigned>(from.sll_ifindex), who.value_or(arp_answer{})};
}

void announce_socket::send(unsigned interface, std::span<std::uint8_t const> frame) noexcept {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(interface);
    ::sendto(fd_.get(), frame.data(), frame.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr const*>(&to), sizeof to);
}

} // namespace cluster::net
