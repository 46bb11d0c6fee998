// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/tls_engine.hpp"
#include "wire/replication_codec.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cluster::net {

/// One TCP connection of the replication channel: TLS, frames, the sign of life and its absence. Knows nothing of what the
/// messages mean. Keeps itself alive while its socket is open.
class replication_connection : public std::enable_shared_from_this<replication_connection> {
public:
    struct limits {
        std::size_t max_message;
        milliseconds alive; ///< longest silence of our own
        milliseconds dead;  ///< longest silence of the peer, and longest time to the end of the greeting
    };
    /// Called on the socket's executor; `closed` once, as the last.
    struct handlers {
        std::function<void()> established;
        std::function<void(wire::replication::message)> message;
        std::function<void(error const& why)> closed;
    };

    replication_connection(boost::asio::ip::tcp::socket socket, tls_context& context, tls_engine::role role, limits l);

    void start(handlers h);
    /// Queues a message. Without effect when closed.
    void send(wire::replication::message const& m);
    /// Bytes queued and not yet handed to the kernel.
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
    /// The peer has said hello: long messages are allowed, and time is measured between them.
    void greeted();
    /// Sends what is queued, then closes; at the latest after `dead`.
    void finish(error why);
    void close(error why);

    /// Fingerprint of the pair's key that the handshake used.
    [[nodiscard]] std::uint64_t key_fingerprint() const noexcept { return engine_.key_fingerprint(); }
    [[nodiscard]] std::string const& peer_address() const noexcept { return peer_address_; }
    /// Bytes from the peer wait in the kernel: its silence is our own slowness.
    [[nodiscard]] bool has_unread() const;

private:
    using clock = std::chrono::steady_clock;

    boost::asio::awaitable<void> read();
    boost::asio::awaitable<void> watch();
    /// False when the connection was closed meanwhile.
    bool digest(std::string_view sealed);
    bool take_messages();
    void pump();
    void encrypt_some();
    void shut();

    boost::asio::ip::tcp::socket socket_;
    boost::asio::steady_timer timer_;
    tls_engine engine_;
    limits limits_;
    /// Shared, so that one that closes the connection is not destroyed under its own feet.
    std::shared_ptr<handlers const> handlers_;
    wire::replication::frame_reader frames_{wire::replication::max_hello};
    std::string peer_address_;
    std::string plain_;
    std::vector<char> received_;
    std::deque<std::string> queue_;
    std::size_t sent_of_front_ = 0;
    std::size_t waiting_ = 0;
    std::string outgoing_;
    bool writing_ = false;
    bool announced_ = false;
    bool greeted_ = false;
    bool closed_ = false;
    std::optional<error> finishing_;
    clock::time_point started_ = clock::now();
    clock::time_point last_heard_ = started_;
    clock::time_point last_sent_ = started_;
};

} // namespace cluster::net
