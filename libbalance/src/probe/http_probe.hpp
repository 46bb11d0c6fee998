// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/http_head.hpp"
#include "probe/order.hpp"
#include "probe/probe.hpp"
#include "probe/tls_contexts.hpp"
#include "probe/verdict.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>

namespace balance::probe {

/// Sends one HTTP/1.1 request, over TLS when the order says https, and judges the answer.
class http_probe final : public probe, public std::enable_shared_from_this<http_probe> {
public:
    /// `tls` is null for http.
    http_probe(boost::asio::any_io_executor const& executor, std::shared_ptr<order const> o,
               std::shared_ptr<verdict const> judge, tls_contexts* tls, std::size_t max_body);

    void start(done report) override;
    void abort() override;

private:
    using socket = boost::asio::ip::tcp::socket;
    using tls_stream = boost::asio::ssl::stream<socket&>;

    boost::asio::awaitable<check_result> converse();
    boost::asio::awaitable<std::optional<check_result>> handshake();
    template <class Stream>
    boost::asio::awaitable<check_result> exchange(Stream& stream);

    socket socket_;
    std::shared_ptr<order const> order_;
    std::shared_ptr<verdict const> verdict_;
    std::optional<tls_stream> tls_;
    core::http_response answer_;
    std::string request_;
    bool silent_ = true; ///< nothing has come yet
    std::array<char, 8192> buffer_{};
    done report_;
};

} // namespace balance::probe
