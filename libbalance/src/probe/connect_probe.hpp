// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/probe.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <string>

namespace balance::probe {

/// A socket whose connection to a closed local port met itself (RFC 9293 §3.5, simultaneous open): nobody listens
/// there.
[[nodiscard]] bool is_self_connected(boost::asio::ip::tcp::socket const& socket);

/// Connects over TCP and closes again.
class connect_probe final : public probe, public std::enable_shared_from_this<connect_probe> {
public:
    connect_probe(boost::asio::any_io_executor const& executor, endpoint target);

    void start(done report) override;
    void abort() override;

private:
    void connected(boost::system::error_code ec);

    boost::asio::ip::tcp::socket socket_;
    endpoint target_;
    done report_;
};

} // namespace balance::probe
