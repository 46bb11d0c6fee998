// SPDX-License-Identifier: Apache-2.0
#include "net/udp_link.hpp"

#include "net/socket_address.hpp"
#include "net/system_error.hpp"

#include <net/if.h>
#include <netinet/ip.h>

#include <cerrno>

namespace cluster::net {
namespace {

/// Options that make heartbeats safer, without which they work all the same.
void tune(int fd, bool v4) noexcept {
    constexpr int buffer = 1 << 20;    // a burst of someone's junk must not push heartbeats out
    constexpr int control_traffic = 6; // TC_PRIO_CONTROL
    set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, buffer);
    set_option(fd, SOL_SOCKET, SO_PRIORITY, control_traffic);
    if (v4) {
        set_option(fd, IPPROTO_IP, IP_TOS, IPTOS_CLASS_CS6);
    } else {
        set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, IPTOS_CLASS_CS6);
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
}

std::string text_of(endpoint const& e) {
    return (e.address.is_v6() ? "[" + e.address.to_string() + "]" : e.address.to_string()) + ":" +
           std::to_string(e.port);
}

} // namespace

struct udp_link::buffers {
    socket_address peer;
    std::array<std::array<std::uint8_t, wire::max_frame_size + 1>, batch> bytes{};
    std::array<socket_address, batch> sources{};
    std::array<iovec, batch> parts{};
    std::array<mmsghdr, batch> messages{};
    std::array<datagram, batch> received{};
};

udp_link::udp_link(unique_fd fd, unsigned interface_index, endpoint const& peer)
    : fd_(std::move(fd)), interface_index_(interface_index), buffers_(std::make_unique<buffers>()) {
    auto& b = *buffers_;
    b.peer = socket_address{peer};
    for (std::size_t i = 0; i < batch; ++i) {
        b.parts[i] = {b.bytes[i].data(), b.bytes[i].size()};
        b.messages[i].msg_hdr.msg_name = &b.sources[i];
        b.messages[i].msg_hdr.msg_iov = &b.parts[i];
        b.messages[i].msg_hdr.msg_iovlen = 1;
    }
}

udp_link::udp_link(udp_link&&) noexcept = default;
udp_link& udp_link::operator=(udp_link&&) noexcept = default;
udp_link::~udp_link() = default;

result<udp_link> udp_link::open(link_settings const& s, std::uint16_t local_port) {
    auto const where = "link " + s.name + ": ";
    unsigned index = 0;
    if (!s.interface.empty()) {
        index = ::if_nametoindex(s.interface.c_str());
        if (index == 0) {
            return system_error(where + "interface " + s.interface, errno, "name one that `ip link` shows");
        }
    }
    unique_fd fd{::socket(s.local.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd) {
        return system_error(where + "opening a UDP socket", errno);
    }
    tune(fd.get(), s.local.is_v4());
    if (index != 0 && ::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, s.interface.c_str(),
                                   static_cast<socklen_t>(s.interface.size() + 1)) != 0) {
        return system_error(where + "binding to interface " + s.interface, errno);
    }
    set_option(fd.get(), s.local.is_v4() ? IPPROTO_IP : IPPROTO_IPV6, s.local.is_v4() ? IP_FREEBIND : IPV6_FREEBIND, 1);
    socket_address const local{endpoint{s.local, local_port}};
    if (::bind(fd.get(), &local.any, local.size()) != 0) {
        auto const remedy = errno == EADDRINUSE ? "is another dyadd running? `ss -lunp` shows who has the port" : "";
        return system_error(where + "binding to " + text_of({s.local, local_port}), errno, remedy);
    }
    return udp_link{std::move(fd), index, {s.peer, s.port}};
}

std::span<udp_link::datagram const> udp_link::receive() {
    auto& b = *buffers_;
    for (auto& m : b.messages) {
        m.msg_hdr.msg_namelen = sizeof(socket_address);
    }
    int got = -1;
    // An error that a packet of ours brought home (ECONNREFUSED, EHOSTUNREACH) is reported once and then gone.
    for (int tries = 0; got < 0 && tries < 4; ++tries) {
        got = ::recvmmsg(fd_.get(), b.messages.data(), batch, MSG_DONTWAIT, nullptr);
        if (got < 0 && errno == EAGAIN) {
            break;
        }
    }
    auto const count = got > 0 ? static_cast<std::size_t>(got) : 0;
    for (std::size_t i = 0; i < count; ++i) {
        auto& d = b.received[i];
        d.bytes = wire::byte_view{b.bytes[i]}.first(b.messages[i].msg_len);
        // From any port: a parent that says goodbye for its child can't have the child's.
        d.reject = !b.peer.same_host(b.sources[i])         ? wire::reject::wrong_source
                   : d.bytes.size() > wire::max_frame_size ? wire::reject::truncated
                                                           : wire::reject::none;
    }
    return std::span{b.received}.first(count);
}

bool udp_link::send(wire::byte_view frame) noexcept {
    auto const& to = buffers_->peer;
    return ::sendto(fd_.get(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL, &to.any, to.size()) ==
           static_cast<ssize_t>(frame.size());
}

} // namespace cluster::net
