// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/order.hpp"
#include "probe/tls_contexts.hpp"
#include "probe/transcript.hpp"

#include <balance/checker.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace balance::probe {

/// The stream of one check: TCP, and TLS in it where the order asks for that. The functions must not be called again
/// before they are done.
class connection {
public:
    struct piece {
        boost::system::error_code error;
        std::size_t size = 0;
    };

    /// `tls` is null for a connection in clear. `late_tls`: it begins in clear, until `secure` is called.
    connection(boost::asio::any_io_executor const& executor, std::shared_ptr<order const> o, tls_contexts* tls,
               bool late_tls = false);

    /// Connects and makes the handshake, both a step of `log`; why it failed, or nothing.
    boost::asio::awaitable<std::optional<check_result>> open(transcript& log);
    /// Makes the handshake now.
    boost::asio::awaitable<std::optional<check_result>> secure(transcript& log);
    /// Some bytes. A TLS end without close_notify is an end of file: such servers are common.
    boost::asio::awaitable<piece> read(boost::asio::mutable_buffer into);
    boost::asio::awaitable<boost::system::error_code> write(std::string const& bytes);

    /// Of an open connection: what was agreed on, and the certificate. Empty in clear.
    [[nodiscard]] std::string const& session() const noexcept { return session_; }
    /// The text, and behind it what its operator should know of the certificate.
    [[nodiscard]] std::string with_warning(std::string_view text) const;

    [[nodiscard]] auto get_executor() { return socket_.get_executor(); }
    /// At once; what is under way ends with an error.
    void close();

private:
    boost::asio::ip::tcp::socket socket_;
    std::shared_ptr<order const> order_;
    std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
    bool late_tls_;
    bool in_tls_ = false;
    std::string session_;
    std::string warning_;
};

} // namespace balance::probe
