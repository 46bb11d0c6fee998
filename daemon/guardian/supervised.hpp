// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guardian/backoff.hpp"
#include "guardian/child.hpp"
#include "ipc/channel.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <span>
#include <string>

namespace dyad {

/// A child process that is started again whenever it ends, with back-off, until it is retired.
class supervised {
public:
    struct handlers {
        std::function<void()> started;
        /// Before the next start; all that the child had sent was delivered before. May retire it.
        std::function<void(child_end)> ended;
        ipc::channel::message_handler message;
    };

    supervised(boost::asio::io_context& io, child_spec spec, handlers h);

    void start();
    /// Sends a signal if it runs.
    void signal(int number);
    /// It is not started again.
    void retire();
    bool send(boost::json::object const& message, std::span<int const> descriptors = {}) {
        return channel_.send(message, descriptors);
    }

    /// Has it yet to read what was sent?
    [[nodiscard]] bool is_behind() const noexcept { return channel_.waiting() != 0; }
    [[nodiscard]] bool running() const noexcept { return child_.pid > 0; }
    [[nodiscard]] std::string const& name() const noexcept { return spec_.name; }
    [[nodiscard]] pid_t pid() const noexcept { return child_.pid; }
    [[nodiscard]] std::uint64_t restarts() const noexcept { return restarts_; }

    /// {"type":"process","name","pid","restarts","up_ms","quick_deaths","reason"}; the reason is how it ended the last
    /// time, empty at first.
    [[nodiscard]] boost::json::object describe() const;

private:
    void on_end();
    void start_again();
    void on_channel_closed(std::string const& reason);

    boost::asio::io_context& io_;
    child_spec spec_;
    handlers handlers_;
    backoff backoff_;
    boost::asio::steady_timer timer_; ///< until the next start, or the end of a mute child
    boost::asio::posix::stream_descriptor end_;
    ipc::channel channel_;
    child child_;
    std::chrono::steady_clock::time_point started_at_;
    std::uint64_t restarts_ = 0;
    bool retired_ = false;
    std::string last_end_;
};

} // namespace dyad
