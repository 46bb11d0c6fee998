// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <initializer_list>
#include <stdexcept>

namespace test {

/// A TCP port that nobody uses on any of these IPv4 addresses. It lies below the ports that the kernel gives to those who ask
/// for any, so that nobody comes by it while the test has not bound it yet; processes and calls begin at different ones.
inline std::uint16_t free_port(std::initializer_list<char const*> addresses) {
    constexpr unsigned first = 10'240;
    constexpr unsigned count = 22'000; // the kernel's begin at 32,768
    static unsigned calls = 0;
    auto const is_free = [](char const* address, std::uint16_t port) {
        int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(port);
        ::inet_pton(AF_INET, address, &in.sin_addr);
        bool const bound = ::bind(fd, reinterpret_cast<sockaddr const*>(&in), sizeof in) == 0;
        ::close(fd);
        return bound;
    };
    for (unsigned tries = 0; tries < count; ++tries) {
        auto const port = static_cast<std::uint16_t>(first + (static_cast<unsigned>(::getpid()) * 53 + calls++) % count);
        bool all = true;
        for (auto const* a : addresses)
            all = all && is_free(a, port);
        if (all)
            return port;
    }
    throw std::runtime_error("no TCP port is free on these addresses");
}

} // namespace test
