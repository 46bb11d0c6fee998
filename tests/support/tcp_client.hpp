// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/free_port.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace test {

/// A loopback address that no other process uses: ports on it are free however many tests run on this machine.
inline std::string const& own_address() {
    static std::string const text = [] {
        auto const pid = static_cast<unsigned>(::getpid());
        return "127." + std::to_string(64 + (pid >> 16) % 128) + "." + std::to_string(pid >> 8 & 255) + "." +
               std::to_string(pid & 255);
    }();
    return text;
}

/// A blocking client of a port on our own address that gives up after ten seconds.
class tcp_client {
public:
    explicit tcp_client(std::uint16_t port, char const* from = "127.0.0.1", char const* to = own_address().c_str())
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        timeval const limit{.tv_sec = 10, .tv_usec = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        auto const source = name(from, 0);
        auto const target = name(to, port);
        if (std::strcmp(from, "127.0.0.1") != 0)
            ::bind(fd_, reinterpret_cast<sockaddr const*>(&source), sizeof source);
        error_ = ::connect(fd_, reinterpret_cast<sockaddr const*>(&target), sizeof target) == 0 ? 0 : errno;
    }
    ~tcp_client() { close(); }
    tcp_client(tcp_client&& other) noexcept : fd_(std::exchange(other.fd_, -1)), error_(other.error_) {}
    tcp_client& operator=(tcp_client&& other) noexcept {
        std::swap(fd_, other.fd_);
        std::swap(error_, other.error_);
        return *this;
    }

    /// errno of the last call that failed, else 0.
    [[nodiscard]] int error() const { return error_; }
    [[nodiscard]] int descriptor() const { return fd_; }

    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            auto const n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n < 0) {
                error_ = errno;
                return false;
            }
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }

    /// Exactly `size` bytes, fewer at the end of the stream or on an error.
    std::string receive(std::size_t size) {
        std::string got(size, '\0');
        std::size_t have = 0;
        while (have < size) {
            auto const n = ::recv(fd_, got.data() + have, size - have, 0);
            if (n < 0)
                error_ = errno;
            if (n <= 0)
                break;
            have += static_cast<std::size_t>(n);
        }
        got.resize(have);
        return got;
    }

    /// Everything up to the end of the stream or an error.
    std::string receive_all() {
        std::string all;
        for (;;) {
            auto const piece = receive(65536);
            all += piece;
            if (piece.size() < 65536)
                return all;
        }
    }

    std::string receive_line() {
        std::string line;
        for (;;) {
            auto const c = receive(1);
            if (c.empty() || c == "\n")
                return line;
            line += c;
        }
    }

    void end_sending() { ::shutdown(fd_, SHUT_WR); }

    /// Closes with a reset.
    void reset() {
        linger const now{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close();
    }
    void close() {
        if (fd_ >= 0)
            ::close(std::exchange(fd_, -1));
    }

private:
    static sockaddr_in name(char const* text, std::uint16_t port) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(port);
        ::inet_pton(AF_INET, text, &in.sin_addr);
        return in;
    }

    int fd_;
    int error_ = 0;
};

/// A port of our own address that nobody listens on for now.
inline std::uint16_t free_port() { return free_port({own_address().c_str()}); }

} // namespace test
