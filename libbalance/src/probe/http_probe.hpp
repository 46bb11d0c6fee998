// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/http_exchange.hpp"
#include "probe/probe.hpp"
#include "probe/quick_socket.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <span>
#include <string_view>

namespace balance::probe {

/// Sends one HTTP/1.1 request, not over TLS, and judges the answer.
class http_probe final : public probe, public std::enable_shared_from_this<http_probe>, quick_socket::owner {
public:
    http_probe(environment& env, std::shared_ptr<socket_line> line, std::shared_ptr<http_question const> question);

    void start(done report) override;
    void abort() override;

private:
    void ready(bool readable) override;
    /// What is left of the greeting and the request.
    void write();
    void read();
    void finish(check_result const& result);

    boost::asio::any_io_executor executor_;
    std::span<char> buffer_; ///< of all
    quick_socket socket_;
    http_exchange exchange_;
    std::string_view greeting_; ///< in the PROXY protocol, what is not sent of it
    std::string_view request_;  ///< what is not sent of it
    bool connected_ = false;
    done report_;
};

} // namespace balance::probe
