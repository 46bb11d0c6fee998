// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/tls_engine.hpp"
#include "wire/pairing_codec.hpp"
#include "wire/replication_codec.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string>

namespace cluster::net {

/// TLS with the token as its key. `identity` is not secret, and another one on each side.
result<std::unique_ptr<tls_context>> pairing_context(std::array<std::uint8_t, 16> const& token, std::string identity);

/// A TCP connection on which two nodes become a pair: the handshake, then messages one after the other. The context
/// must outlive it.
class pairing_stream : public std::enable_shared_from_this<pairing_stream> {
public:
    pairing_stream(boost::asio::ip::tcp::socket socket, tls_context& context, tls_engine::role role);

    /// From now on; then everything fails with `timed_out`.
    void expires_after(milliseconds limit);
    /// Errors: `not_permitted` when the tokens differ, `protocol_error`, `io_error`, `timed_out`.
    boost::asio::awaitable<result<>> handshake();
    boost::asio::awaitable<result<wire::pairing::message>> receive();
    boost::asio::awaitable<result<>> send(wire::pairing::message const& m);
    void close();

    [[nodiscard]] address local() const;
    [[nodiscard]] address remote() const;

private:
    boost::asio::awaitable<result<>> flush();
    /// Reads once and feeds TLS.
    boost::asio::awaitable<result<>> fill();
    [[nodiscard]] error lost(boost::system::error_code code) const;

    boost::asio::ip::tcp::socket socket_;
    boost::asio::steady_timer timer_;
    tls_engine engine_;
    wire::replication::frame_reader frames_{wire::pairing::max_frame};
    std::string outgoing_;
    std::string received_;
    bool expired_ = false;
};

} // namespace cluster::net
