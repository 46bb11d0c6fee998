// SPDX-License-Identifier: Apache-2.0
#include "proxy/listening_socket.hpp"

#include <balance/text.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace balance::layer7 {
namespace {

constexpr int backlog = 4096; // the kernel cuts it to net.core.somaxconn

bool turn_on(int fd, int level, int option) noexcept {
    int const one = 1;
    return ::setsockopt(fd, level, option, &one, sizeof one) == 0;
}

error refused(endpoint const& local, int why) {
    std::string text = "cannot listen on " + to_string(local) + ": " + std::strerror(why);
    if (why == EADDRINUSE)
        text += "; another program or service has this port: stop it or choose another";
    else if (why == EACCES || why == EPERM)
        return make_error(errc::not_permitted, text + "; ports below 1024 need CAP_NET_BIND_SERVICE");
    else if (why == EMFILE || why == ENFILE)
        text += "; raise the limit of open files";
    return make_error(why == EADDRINUSE ? errc::already_exists : errc::io_error, text);
}

} // namespace

listening_socket::listening_socket(endpoint local, int descriptor) noexcept
    : local_(std::move(local)), descriptor_(descriptor) {
    ::fcntl(descriptor_, F_SETFL, ::fcntl(descriptor_, F_GETFL) | O_NONBLOCK);
    turn_on(descriptor_, IPPROTO_TCP, TCP_NODELAY); // accepted sockets inherit it
}

listening_socket::~listening_socket() { ::close(descriptor_); }

result<std::shared_ptr<listening_socket>> listen_on(endpoint const& local) {
    sockaddr_storage name;
    socklen_t const size = to_sockaddr(local, name);
    int const fd = ::socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return refused(local, errno);
    bool const v6 = name.ss_family == AF_INET6;
    bool const prepared = turn_on(fd, SOL_SOCKET, SO_REUSEADDR) &&
                          (v6 ? turn_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) && turn_on(fd, IPPROTO_IPV6, IPV6_FREEBIND)
                              : turn_on(fd, IPPROTO_IP, IP_FREEBIND));
    if (!prepared || ::bind(fd, reinterpret_cast<sockaddr const*>(&name), size) != 0 || ::listen(fd, backlog) != 0) {
        int const why = errno;
        ::close(fd);
        return refused(local, why);
    }
    return std::make_shared<listening_socket>(local, fd);
}

socklen_t to_sockaddr(endpoint const& e, sockaddr_storage& out) noexcept {
    std::memset(&out, 0, sizeof out);
    if (e.address.is_v4()) {
        auto& in = reinterpret_cast<sockaddr_in&>(out);
        auto const bytes = e.address.to_v4().to_bytes();
        in.sin_family = AF_INET;
        in.sin_port = htons(e.port);
        std::memcpy(&in.sin_addr, bytes.data(), bytes.size());
        return sizeof in;
    }
    auto& in6 = reinterpret_cast<sockaddr_in6&>(out);
    auto const bytes = e.address.to_v6().to_bytes();
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(e.port);
    in6.sin6_scope_id = static_cast<std::uint32_t>(e.address.to_v6().scope_id());
    std::memcpy(&in6.sin6_addr, bytes.data(), bytes.size());
    return sizeof in6;
}

endpoint to_endpoint(sockaddr_storage const& from) noexcept {
    if (from.ss_family == AF_INET) {
        boost::asio::ip::address_v4::bytes_type bytes;
        auto const& in = reinterpret_cast<sockaddr_in const&>(from);
        std::memcpy(bytes.data(), &in.sin_addr, bytes.size());
        return {boost::asio::ip::address_v4(bytes), ntohs(in.sin_port)};
    }
    if (from.ss_family == AF_INET6) {
        boost::asio::ip::address_v6::bytes_type bytes;
        auto const& in6 = reinterpret_cast<sockaddr_in6 const&>(from);
        std::memcpy(bytes.data(), &in6.sin6_addr, bytes.size());
        return {boost::asio::ip::address_v6(bytes), ntohs(in6.sin6_port)};
    }
    return {};
}

} // namespace balance::layer7
