// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxied_service.hpp"

#include <sys/socket.h>

#include <atomic>
#include <string>
#include <vector>

namespace test {

/// Tells each client its own address, as often as it asks.
inline boost::asio::awaitable<void> name_the_peer(tcp::socket& s) {
    auto const peer = http_answer(s.remote_endpoint().address().to_string());
    std::string read;
    auto into = boost::asio::dynamic_buffer(read);
    for (;;) {
        auto [ec, size] = co_await boost::asio::async_read_until(s, into, "\r\n\r\n", no_throw);
        if (ec)
            break;
        into.consume(size);
        std::tie(ec, size) = co_await boost::asio::async_write(s, boost::asio::buffer(peer), no_throw);
    }
    s.close();
}

/// Makes sockets as somebody privileged would.
struct borrowing_service : proxied_service {
    explicit borrowing_service(balance::mode m) : borrowing_service(m, {}) {}
    /// `b`: what the server does instead of naming the peer.
    borrowing_service(balance::mode m, scripted_server::behaviour b)
        : proxied_service({.threads = 1}), server([this, b = b ? std::move(b) : name_the_peer](tcp::socket& s) {
              ++connections;
              return b(s);
          }) {
        service().mode = m;
        service().transparent = true;
        subject.on_sockets_wanted([this](std::size_t ipv4, std::size_t ipv6) {
            wanted4 += ipv4;
            wanted6 += ipv6;
            if (gives)
                give(ipv4);
        });
        add_server("one", server.port());
    }
    void give(std::size_t count) {
        std::vector<int> sockets;
        for (std::size_t i = 0; i < count; ++i)
            sockets.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        subject.supply_sockets(sockets, {});
    }
    std::string seen_from(char const* address) {
        tcp_client c(port, address);
        c.send(question);
        return last_line(c.receive(http_answer(address).size()));
    }
    static std::string last_line(std::string const& text) { return text.substr(text.rfind('\n') + 1); }

    static constexpr char question[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    std::atomic<std::size_t> connections{0}; ///< of the server
    threaded_server server;
    std::atomic<bool> gives{true};
    std::atomic<std::size_t> wanted4{0};
    std::atomic<std::size_t> wanted6{0};
};

} // namespace test
