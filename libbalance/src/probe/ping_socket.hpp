// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace balance::probe {

/// Sends ICMP echo requests (RFC 792, RFC 4443 §4.1) to many targets over one socket and tells whose reply came.
///
/// A reply counts only when it comes from the asked address and carries the identifier and the random cookie of a
/// request that is still waited for, so another program's pings and forged replies change nothing.
class ping_socket : public std::enable_shared_from_this<ping_socket> {
public:
    using cookie = std::array<std::uint8_t, 16>;

    /// `handed_in`: a raw or datagram ICMP socket that stays the caller's, or -1 to open one.
    ping_socket(boost::asio::any_io_executor executor, bool v6, int handed_in);
    ~ping_socket();
    ping_socket(ping_socket const&) = delete;
    ping_socket& operator=(ping_socket const&) = delete;

    /// Empty when the socket can be used, else why not and the remedy.
    [[nodiscard]] std::string open();

    /// Calls `answered` when a reply with the returned cookie comes from `target`, until `forget`.
    cookie expect(address const& target, std::function<void()> answered);
    void forget(cookie const& c) { waiting_.erase(c); }

    /// Sends one request; 0 or errno.
    [[nodiscard]] int send(address const& target, cookie const& c, std::uint16_t sequence);

    void close();

private:
    struct waiter {
        address target;
        std::function<void()> answered;
    };

    void listen();
    void receive_all();
    void received(std::uint8_t const* packet, std::size_t size, address const& from);

    boost::asio::any_io_executor executor_;
    boost::asio::posix::stream_descriptor socket_;
    bool v6_;
    int handed_in_;
    bool raw_ = false;
    std::uint16_t identifier_;
    std::map<cookie, waiter> waiting_;
};

} // namespace balance::probe
