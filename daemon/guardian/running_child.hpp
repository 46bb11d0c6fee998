// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guardian/child.hpp"
#include "ipc/channel.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace dyad {

/// One life of a child process: the channel to it, and the notice of its end.
class running_child {
public:
    struct handlers {
        /// Called once, after all that the child had sent. May destroy it.
        std::function<void(running_child&, child_end)> ended;
        /// May hand it to others, and not destroy it.
        std::function<void(running_child&, boost::json::object const&)> message;
    };

    /// Errors: those of `start_child`.
    static balance::result<std::unique_ptr<running_child>> start(boost::asio::io_context& io, child_spec const& spec, handlers h);
    running_child(boost::asio::io_context& io, std::string name, child started, handlers h);
    running_child(running_child const&) = delete;
    running_child& operator=(running_child const&) = delete;

    /// Others hear of it from now on.
    void hand_to(handlers h) { handlers_ = std::move(h); }
    void signal(int number);
    bool send(boost::json::object const& message, std::span<int const> descriptors = {}) {
        return channel_.send(message, descriptors);
    }

    /// Has it yet to read what was sent?
    [[nodiscard]] bool is_behind() const noexcept { return channel_.waiting() != 0; }
    [[nodiscard]] pid_t pid() const noexcept { return child_.pid; }
    [[nodiscard]] std::chrono::steady_clock::time_point started_at() const noexcept { return started_at_; }
    [[nodiscard]] std::chrono::milliseconds age() const;

private:
    void on_end();
    void on_channel_closed(std::string const& reason);

    std::string name_;
    handlers handlers_;
    child child_;
    bool over_ = false;
    std::chrono::steady_clock::time_point const started_at_ = std::chrono::steady_clock::now();
    boost::asio::steady_timer mute_timer_; ///< until the end of one that has closed its channel
    boost::asio::posix::stream_descriptor end_;
    ipc::channel channel_;
};

} // namespace dyad
