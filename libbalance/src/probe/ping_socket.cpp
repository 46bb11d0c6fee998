// SPDX-License-Identifier: Apache-2.0
#include "probe/ping_socket.hpp"

#include "probe/reason.hpp"

#include <fcntl.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

namespace balance::probe {
namespace asio = boost::asio;
namespace {

constexpr std::size_t header_size = 8; // type, code, checksum, identifier, sequence: the same in both versions
constexpr std::size_t packet_size = header_size + sizeof(ping_socket::cookie);

std::uint16_t internet_checksum(std::uint8_t const* data, std::size_t size) noexcept { // RFC 1071
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < size; i += 2)
        sum += static_cast<std::uint32_t>(data[i] << 8 | data[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

void put16(std::uint8_t* to, std::uint16_t value) noexcept {
    to[0] = static_cast<std::uint8_t>(value >> 8);
    to[1] = static_cast<std::uint8_t>(value & 0xff);
}

socklen_t fill(sockaddr_storage& to, address const& target) noexcept {
    std::memset(&to, 0, sizeof to);
    if (target.is_v4()) {
        auto& in = reinterpret_cast<sockaddr_in&>(to);
        in.sin_family = AF_INET;
        std::memcpy(&in.sin_addr, target.to_v4().to_bytes().data(), 4);
        return sizeof in;
    }
    auto& in6 = reinterpret_cast<sockaddr_in6&>(to);
    in6.sin6_family = AF_INET6;
    in6.sin6_scope_id = static_cast<std::uint32_t>(target.to_v6().scope_id());
    std::memcpy(&in6.sin6_addr, target.to_v6().to_bytes().data(), 16);
    return sizeof in6;
}

address source_of(sockaddr_storage const& from) {
    if (from.ss_family == AF_INET) {
        asio::ip::address_v4::bytes_type bytes;
        std::memcpy(bytes.data(), &reinterpret_cast<sockaddr_in const&>(from).sin_addr, bytes.size());
        return asio::ip::address_v4(bytes);
    }
    asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &reinterpret_cast<sockaddr_in6 const&>(from).sin6_addr, bytes.size());
    return asio::ip::address_v6(bytes);
}

/// The scope of a link-local address says which interface a packet came in by; which one asked is settled by the
/// cookie.
bool same_host(address const& a, address const& b) {
    if (a.is_v4() || b.is_v4())
        return a == b;
    return a.to_v6().to_bytes() == b.to_v6().to_bytes();
}

int open_icmp(bool v6) noexcept {
    int const family = v6 ? AF_INET6 : AF_INET;
    int const protocol = v6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP};
    int const datagram = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, protocol);
    return datagram >= 0 ? datagram : ::socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);
}

/// A raw socket would else be woken by every ICMP packet of the machine.
void only_replies(int fd, bool v6) noexcept {
    if (v6) {
        icmp6_filter filter;
        ICMP6_FILTER_SETBLOCKALL(&filter);
        ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
        ::setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
    } else {
        icmp_filter const filter{~(1u << ICMP_ECHOREPLY)};
        ::setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
    }
}

} // namespace

ping_socket::ping_socket(asio::any_io_executor executor, bool v6, int handed_in)
    : executor_(std::move(executor)), socket_(executor_), v6_(v6), handed_in_(handed_in),
      identifier_(static_cast<std::uint16_t>(std::random_device{}())) {}

ping_socket::~ping_socket() = default;

std::string ping_socket::open() {
    if (socket_.is_open())
        return {};
    int const fd = handed_in_ >= 0 ? ::fcntl(handed_in_, F_DUPFD_CLOEXEC, 0) : open_icmp(v6_);
    if (fd < 0)
        return "no ICMP socket: " + words_for(errno) +
               "; give the process CAP_NET_RAW or its group a place in net.ipv4.ping_group_range";
    int type = 0;
    socklen_t length = sizeof type;
    ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
    raw_ = type == SOCK_RAW;
    if (raw_)
        only_replies(fd, v6_);
    boost::system::error_code ec;
    socket_.assign(fd, ec);
    if (ec) {
        ::close(fd);
        return "ICMP socket: " + words_for(ec);
    }
    listen();
    return {};
}

ping_socket::cookie ping_socket::expect(address const& target, std::function<void()> answered) {
    std::random_device entropy;
    cookie c;
    for (std::size_t i = 0; i < c.size(); i += 4) {
        auto const word = static_cast<std::uint32_t>(entropy());
        std::memcpy(c.data() + i, &word, sizeof word);
    }
    waiting_[c] = {target, std::move(answered)};
    return c;
}

int ping_socket::send(address const& target, cookie const& c, std::uint16_t sequence) {
    std::array<std::uint8_t, packet_size> packet{};
    packet[0] = v6_ ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
    put16(packet.data() + 4, identifier_); // a datagram socket's is filled in by the kernel
    put16(packet.data() + 6, sequence);
    std::memcpy(packet.data() + header_size, c.data(), c.size());
    if (!v6_) // the kernel knows the pseudo-header of version 6 and does it there
        put16(packet.data() + 2, internet_checksum(packet.data(), packet.size()));
    sockaddr_storage to;
    socklen_t const length = fill(to, target);
    auto const sent = ::sendto(socket_.native_handle(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                               reinterpret_cast<sockaddr const*>(&to), length);
    return sent < 0 ? errno : 0;
}

void ping_socket::close() {
    waiting_.clear();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void ping_socket::listen() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [weak = weak_from_this()](boost::system::error_code ec) {
                           auto const self = weak.lock();
                           if (ec || !self)
                               return;
                           self->receive_all();
                           if (self->socket_.is_open())
                               self->listen();
                       });
}

void ping_socket::receive_all() {
    // A flood must not keep the checks of others from their turn.
    for (int budget = 256; budget > 0 && socket_.is_open(); --budget) {
        std::array<std::uint8_t, 512> packet;
        sockaddr_storage from;
        std::memset(&from, 0, sizeof from);
        socklen_t length = sizeof from;
        auto const size = ::recvfrom(socket_.native_handle(), packet.data(), packet.size(), MSG_DONTWAIT,
                                     reinterpret_cast<sockaddr*>(&from), &length);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return;
        received(packet.data(), static_cast<std::size_t>(size), source_of(from));
    }
}

void ping_socket::received(std::uint8_t const* packet, std::size_t size, address const& from) {
    if (raw_ && !v6_) { // the IP header comes with it
        std::size_t const ip_header = size == 0 ? 0 : std::size_t{4} * (packet[0] & 0x0f);
        if (ip_header < 20 || size < ip_header)
            return;
        packet += ip_header;
        size -= ip_header;
    }
    if (size != packet_size || packet[0] != (v6_ ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) || packet[1] != 0)
        return;
    if (raw_ && (packet[4] << 8 | packet[5]) != identifier_)
        return;
    cookie c;
    std::memcpy(c.data(), packet + header_size, c.size());
    auto const it = waiting_.find(c);
    if (it == waiting_.end() || !same_host(it->second.target, from))
        return;
    auto const answered = std::move(it->second.answered);
    waiting_.erase(it);
    answered();
}

} // namespace balance::probe
