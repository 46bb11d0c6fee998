// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cli/prober.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <span>
#include <string>

namespace dyad::cli {

/// ICMP echo to one address (RFC 792, RFC 4443 §4). Uses the system's ping socket where this user's group may
/// (net.ipv4.ping_group_range), a raw one otherwise, which needs CAP_NET_RAW. On the thread of its io_context.
class pinger {
public:
    /// `now` counts microseconds; `note` gets each attempt as it ends.
    pinger(boost::asio::io_context& io, prober::settings const& how, std::function<std::int64_t()> now,
           std::function<void(attempt)> note);

    /// One more request. Its attempt fails at once where it cannot be sent.
    void send();
    /// Waits for the answers that are due still, and no longer.
    void stop();

private:
    struct waiting {
        std::uint64_t number = 0;
        std::int64_t begun = 0;
        bool answered = false;
    };

    void open();
    void listen();
    void receive();
    void answered(std::span<unsigned char const> message);
    /// Gives up those whose time is over.
    void expire();
    void watch_time();

    prober::settings const how_;
    std::function<std::int64_t()> now_;
    std::function<void(attempt)> note_;
    boost::asio::posix::stream_descriptor socket_;
    boost::asio::steady_timer limit_;
    std::deque<waiting> waiting_; ///< in the order of their numbers
    std::uint64_t next_ = 0;
    std::uint64_t cookie_ = 0; ///< of this pinger's messages
    std::uint16_t id_ = 0;
    bool raw_ = false;
    bool stopping_ = false;
    std::string cannot_; ///< why no socket
};

} // namespace dyad::cli
