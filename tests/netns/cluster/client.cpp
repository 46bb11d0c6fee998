// SPDX-License-Identifier: Apache-2.0
#include "client.hpp"

#include "net/socket_address.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace lab {
namespace {

constexpr std::uint16_t port = 7777;

using cluster::net::socket_address;

int open_udp(cluster::address const& a) {
    int const fd = ::socket(a.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int const on = 1;
    ::setsockopt(fd, a.is_v4() ? IPPROTO_IP : IPPROTO_IPV6, a.is_v4() ? IP_FREEBIND : IPV6_FREEBIND, &on, sizeof on);
    if (fd < 0) {
        throw std::system_error(errno, std::generic_category(), "socket");
    }
    return fd;
}

} // namespace

echo_server::echo_server(network_namespace const& where, std::string const& address) {
    where.inside([&] {
        auto const a = at(address.c_str());
        fd_ = open_udp(a);
        socket_address const local{cluster::endpoint{a, port}};
        if (::bind(fd_, &local.any, local.size()) != 0) {
            throw std::system_error(errno, std::generic_category(), "bind");
        }
        thread_ = std::thread{[this] {
            while (!over_) {
                pollfd p{fd_, POLLIN, 0};
                ::poll(&p, 1, 50);
                std::array<char, 64> bytes;
                socket_address from;
                socklen_t size = sizeof from;
                auto const got = ::recvfrom(fd_, bytes.data(), bytes.size(), 0, &from.any, &size);
                if (got > 0) {
                    ::sendto(fd_, bytes.data(), static_cast<std::size_t>(got), 0, &from.any, size);
                }
            }
        }};
    });
}

echo_server::~echo_server() {
    over_ = true;
    thread_.join();
    ::close(fd_);
}

probing_client::probing_client(network_namespace const& where, std::string const& address) {
    where.inside([&] {
        auto const a = at(address.c_str());
        int const fd = open_udp(a);
        begin();
        thread_ = std::thread{[this, fd, a] {
            socket_address const to{cluster::endpoint{a, port}};
            auto next = clock::now();
            while (!over_) {
                ::sendto(fd, "?", 1, 0, &to.any, to.size());
                next += 1ms;
                for (auto now = clock::now(); now < next; now = clock::now()) {
                    timespec const limit{0, std::max<long>(1, (next - now).count())};
                    pollfd p{fd, POLLIN, 0};
                    char answer = 0;
                    if (::ppoll(&p, 1, &limit, nullptr) == 1 && ::recv(fd, &answer, 1, 0) == 1) {
                        auto const heard = clock::now().time_since_epoch().count();
                        longest_ = std::max(longest_.load(), heard - last_.load());
                        last_ = heard;
                        ++answers_;
                    }
                }
                next = std::max(next, clock::now() - 5ms);
            }
            ::close(fd);
        }};
    });
}

probing_client::~probing_client() {
    over_ = true;
    thread_.join();
}

void probing_client::begin() {
    last_ = clock::now().time_since_epoch().count();
    longest_ = 0;
}

double probing_client::longest_gap_ms() const {
    auto const open = clock::now().time_since_epoch().count() - last_;
    return static_cast<double>(std::max(longest_.load(), open)) / 1e6;
}

} // namespace lab
