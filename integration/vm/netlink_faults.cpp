// SPDX-License-Identifier: Apache-2.0
// Loaded into layer4_apply before the C library (LD_PRELOAD): generic netlink as it may go wrong.
//
// The file that DYAD_FAULTS names holds a number N. Then every Nth request to change something is refused by the
// kernel, and every Nth answer is cut, or full of nonsense, or lost. Without the file all is as it was.
#include <dlfcn.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <span>
#include <vector>

namespace {

constexpr std::uint8_t no_command = 255;
constexpr std::uint8_t get_service = 4;
constexpr std::uint8_t get_destination = 8;

std::size_t requests = 0;
std::size_t answers = 0;

/// 0: nothing goes wrong.
std::size_t every() {
    char const* path = std::getenv("DYAD_FAULTS");
    std::size_t n = 0;
    std::ifstream(path == nullptr ? "" : path) >> n;
    return n;
}

bool is_generic_netlink(int fd) {
    int domain = 0;
    int protocol = 0;
    socklen_t size = sizeof domain;
    return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_NETLINK &&
           ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == NETLINK_GENERIC;
}

template <class Function>
Function real(char const* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

/// Turns every Nth message that changes something into one that no kernel knows.
void spoil_requests(std::span<std::byte> packet, std::size_t n) {
    while (packet.size() >= sizeof(nlmsghdr) + sizeof(genlmsghdr)) {
        nlmsghdr header{};
        std::memcpy(&header, packet.data(), sizeof header);
        auto& command = packet[sizeof header];
        bool const asks = command == std::byte{get_service} || command == std::byte{get_destination};
        if (!asks && ++requests % n == 0) {
            command = std::byte{no_command};
        }
        packet = packet.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), packet.size()));
    }
}

/// The answer as it arrives, or -1 with errno.
ssize_t spoil_answer(std::span<std::byte> packet, std::size_t n) {
    if (++answers % n != 0) {
        return static_cast<ssize_t>(packet.size());
    }
    auto const behind_headers = packet.subspan(std::min(packet.size(), sizeof(nlmsghdr) + sizeof(genlmsghdr)));
    switch (answers / n % 5) {
    case 0:
        return static_cast<ssize_t>(packet.size() / 2);
    case 1:
        std::fill(behind_headers.begin(), behind_headers.end(), std::byte{0xff});
        return static_cast<ssize_t>(packet.size());
    case 2:
        std::fill_n(behind_headers.begin(), std::min<std::size_t>(2, behind_headers.size()), std::byte{0x7f});
        return static_cast<ssize_t>(packet.size());
    case 3:
        errno = ENOBUFS;
        return -1;
    default:
        errno = EAGAIN;
        return -1;
    }
}

} // namespace

extern "C" {

[[gnu::visibility("default")]] ssize_t sendto(int fd, void const* data, size_t size, int flags, sockaddr const* to,
                                              socklen_t to_size) {
    static auto const send = real<decltype(&sendto)>("sendto");
    auto const n = is_generic_netlink(fd) ? every() : 0;
    std::vector<std::byte> packet(size);
    std::memcpy(packet.data(), data, size);
    if (n > 0) {
        spoil_requests(packet, n);
    }
    return send(fd, packet.data(), packet.size(), flags, to, to_size);
}

[[gnu::visibility("default")]] ssize_t recvfrom(int fd, void* data, size_t size, int flags, sockaddr* from,
                                                socklen_t* from_size) {
    static auto const receive = real<decltype(&recvfrom)>("recvfrom");
    auto const got = receive(fd, data, size, flags, from, from_size);
    auto const n = got > 0 && is_generic_netlink(fd) ? every() : 0;
    return n == 0 ? got : spoil_answer(std::span(static_cast<std::byte*>(data), static_cast<std::size_t>(got)), n);
}
}
