// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/dialogue.hpp"
#include "probe/order.hpp"
#include "probe/probe.hpp"
#include "probe/verdict.hpp"

#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <memory>
#include <string>

namespace balance::probe {

/// Lets a dialogue speak over UDP: what it says is said again every second, since datagrams get lost.
class datagram_probe final : public probe, public std::enable_shared_from_this<datagram_probe> {
public:
    /// `expected`: of the dialogue's answer; may be null.
    datagram_probe(boost::asio::any_io_executor const& executor, std::shared_ptr<order const> o,
                   std::unique_ptr<dialogue> speaks, std::shared_ptr<verdict const> expected);

    void start(done report) override;
    void abort() override;

private:
    void open();
    void say();
    void listen();
    void heard(std::size_t size);
    void finish(check_result result);

    std::shared_ptr<order const> order_;
    boost::asio::ip::udp::socket socket_;
    boost::asio::steady_timer again_;
    std::unique_ptr<dialogue> dialogue_;
    std::shared_ptr<verdict const> expected_;
    std::string saying_;
    std::array<char, 65536> buffer_{};
    done report_;
};

} // namespace balance::probe
