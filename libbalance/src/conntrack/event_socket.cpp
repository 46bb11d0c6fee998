// SPDX-License-Identifier: Apache-2.0
#include "conntrack/event_socket.hpp"

#include <linux/filter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <utility>

namespace balance::conntrack {
namespace {

constexpr int most_at_once = 65'536;    ///< notices, before whoever waits for the caller has a turn
constexpr int receive_buffer = 8 << 20; ///< bytes: some ten thousand notices
constexpr std::size_t largest_notice = 8192;

bool attach(int fd, std::span<sock_filter> code) {
    sock_fprog const program{static_cast<unsigned short>(code.size()), code.data()};
    return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

bool accept_nothing(int fd) {
    std::array<sock_filter, 1> code{{BPF_STMT(BPF_RET | BPF_K, 0)}};
    return attach(fd, code);
}

/// A datagram is one notice. The loads are big-endian, and so is the status.
bool accept_translated(int fd) {
    constexpr auto find_attribute = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_NLATTR);
    constexpr std::uint32_t wanted = IPS_ASSURED | IPS_SRC_NAT;
    std::array<sock_filter, 10> code{{
        BPF_STMT(BPF_LD | BPF_IMM, sizeof(nlmsghdr) + sizeof(nfgenmsg)),
        BPF_STMT(BPF_LDX | BPF_IMM, CTA_STATUS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, find_attribute),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 5, 0),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_IND, sizeof(nlattr)),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, wanted),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, wanted, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffff'ffff),
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    return attach(fd, code);
}

bool subscribe(int fd) {
    sockaddr_nl self{};
    self.nl_family = AF_NETLINK;
    bool good = ::bind(fd, reinterpret_cast<sockaddr*>(&self), sizeof self) == 0;
    for (int const group : {NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY}) {
        good = good && ::setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0;
    }
    return good;
}

} // namespace

result<event_socket> event_socket::open() {
    event_socket out(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_NETFILTER));
    if (out.fd_ < 0 || !accept_nothing(out.fd_) || !subscribe(out.fd_)) {
        int const code = errno;
        return make_error(code == EPERM || code == EACCES ? errc::not_permitted : errc::io_error,
                          std::string("the kernel's notices of connections cannot be had: ") + std::strerror(code));
    }
    ::setsockopt(out.fd_, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer);
    return out;
}

event_socket::~event_socket() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

event_socket::event_socket(event_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

event_socket& event_socket::operator=(event_socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

void event_socket::hear(bool on) {
    if (on) {
        accept_translated(fd_);
        return;
    }
    accept_nothing(fd_);
    char one = 0;
    while (::recv(fd_, &one, sizeof one, 0) >= 0 || errno == EINTR || errno == ENOBUFS) {
    }
}

bool event_socket::read(std::function<void(change)> const& use) {
    std::array<std::byte, largest_notice> buffer;
    bool complete = true;
    for (int i = 0; i < most_at_once; ++i) {
        auto const size = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (size >= 0) {
            if (auto seen = decode(byte_span(buffer).first(static_cast<std::size_t>(size)))) {
                use(std::move(*seen));
            }
        } else if (errno == ENOBUFS) {
            complete = false;
        } else if (errno != EINTR) {
            break;
        }
    }
    return complete;
}

} // namespace balance::conntrack
