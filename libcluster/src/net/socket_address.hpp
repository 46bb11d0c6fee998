// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/types.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace cluster::net {

/// Sets a socket option of type int. A kernel that does not know it leaves the socket as it was.
inline void set_option(int fd, int level, int option, int value) noexcept {
    ::setsockopt(fd, level, option, &value, sizeof value);
}

/// `sockaddr_in` or `sockaddr_in6`, whichever the address needs.
union socket_address {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;

    socket_address() noexcept { std::memset(this, 0, sizeof *this); }
    explicit socket_address(endpoint const& e) noexcept : socket_address() {
        if (e.address.is_v4()) {
            v4.sin_family = AF_INET;
            v4.sin_port = htons(e.port);
            auto const bytes = e.address.to_v4().to_bytes();
            std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
        } else {
            v6.sin6_family = AF_INET6;
            v6.sin6_port = htons(e.port);
            auto const bytes = e.address.to_v6().to_bytes();
            std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
            v6.sin6_scope_id = static_cast<std::uint32_t>(e.address.to_v6().scope_id());
        }
    }

    [[nodiscard]] socklen_t size() const noexcept {
        return any.sa_family == AF_INET ? socklen_t{sizeof v4} : socklen_t{sizeof v6};
    }

    /// The same host? Ports and scopes are not compared.
    [[nodiscard]] bool same_host(socket_address const& o) const noexcept {
        if (any.sa_family != o.any.sa_family) {
            return false;
        }
        if (any.sa_family == AF_INET) {
            return v4.sin_addr.s_addr == o.v4.sin_addr.s_addr;
        }
        return std::memcmp(&v6.sin6_addr, &o.v6.sin6_addr, sizeof v6.sin6_addr) == 0;
    }
};

} // namespace cluster::net
