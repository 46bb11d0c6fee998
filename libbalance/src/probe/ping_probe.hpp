// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/ping_socket.hpp"
#include "probe/probe.hpp"

#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string>

namespace balance::probe {

/// Asks with an ICMP echo request every second until the answer comes: one lost packet is no failed check.
class ping_probe final : public probe, public std::enable_shared_from_this<ping_probe> {
public:
    ping_probe(boost::asio::any_io_executor const& executor, std::shared_ptr<ping_socket> socket, address target);

    void start(done report) override;
    void abort() override;

private:
    void ask();
    void finish(check_result result);

    std::shared_ptr<ping_socket> socket_;
    boost::asio::steady_timer again_;
    address target_;
    ping_socket::cookie cookie_{};
    std::uint16_t sequence_ = 0;
    done report_;
};

} // namespace balance::probe
