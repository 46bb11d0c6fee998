// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guardian/backoff.hpp"
#include "guardian/running_child.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
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
        std::function<void(running_child&, boost::json::object const&)> message;
    };

    supervised(boost::asio::io_context& io, child_spec spec, handlers h);

    void start();
    /// Sends a signal if it runs.
    void signal(int number);
    /// It is not started again.
    void retire();
    /// From now on `next` is the child, and others after it are started as `spec` says. Returns the one before, which is
    /// the caller's now; null when none ran.
    std::unique_ptr<running_child> replace(std::unique_ptr<running_child> next, child_spec spec);
    bool send(boost::json::object const& message, std::span<int const> descriptors = {}) {
        return running() && child_->send(message, descriptors);
    }

    [[nodiscard]] bool running() const noexcept { return child_ != nullptr; }
    /// Null when none runs.
    [[nodiscard]] running_child* child() const noexcept { return child_.get(); }
    [[nodiscard]] std::string const& name() const noexcept { return spec_.name; }
    /// -1 when none runs.
    [[nodiscard]] pid_t pid() const noexcept { return running() ? child_->pid() : -1; }
    [[nodiscard]] std::uint64_t restarts() const noexcept { return restarts_; }

    /// {"type":"process","name","pid","restarts","up_ms","quick_deaths","reason"}; the reason is how it ended the last
    /// time, empty at first.
    [[nodiscard]] boost::json::object describe() const;

private:
    [[nodiscard]] running_child::handlers child_handlers();
    void on_end(child_end how);
    void start_again();

    boost::asio::io_context& io_;
    child_spec spec_;
    handlers handlers_;
    backoff backoff_;
    boost::asio::steady_timer timer_; ///< until the next start
    std::unique_ptr<running_child> child_;
    std::chrono::steady_clock::time_point started_at_;
    std::uint64_t restarts_ = 0;
    bool retired_ = false;
    std::string last_end_;
};

} // namespace dyad
