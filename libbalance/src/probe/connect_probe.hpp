// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/probe.hpp"
#include "probe/quick_socket.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace balance::probe {

/// Asks the server's kernel alone: connects over TCP and leaves without a trace.
class connect_probe final : public probe, public std::enable_shared_from_this<connect_probe>, quick_socket::owner {
public:
    connect_probe(environment& env, std::shared_ptr<socket_line> line, endpoint target);

    void start(done report) override;
    void abort() override;

private:
    void ready(bool readable) override;
    void finish(boost::system::error_code ec);

    boost::asio::any_io_executor executor_;
    quick_socket socket_;
    endpoint target_;
    done report_;
};

} // namespace balance::probe
