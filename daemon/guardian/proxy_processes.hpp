// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guardian/running_child.hpp"
#include "guardian/supervised.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace dyad {

/// What becomes of a replacement: nothing, but the reason why, or another process serves.
struct replacement {
    std::string error{}; ///< empty: done
    pid_t was = -1;    ///< -1: none ran
    pid_t pid = -1;
    std::uint64_t connections = 0; ///< that finish in the one before
    std::string version{};         ///< of the program that serves now
};

/// The proxy processes: one that serves and is supervised, at times one that is started to take its place, and those that
/// were replaced and finish what they have.
///
/// The listening sockets are the guardian's and all of them share them. The one to come serves beside the one that is there before
/// that one stops accepting, so at no time is nobody accepting.
class proxy_processes {
public:
    static constexpr std::size_t most_retirees = 8;

    struct handlers {
        /// One that knows nothing: needs sockets and a connection to the cluster process.
        std::function<void(running_child&)> started;
        std::function<void()> ended; ///< one of them, and what is said of the others is up to date
        /// Another one serves, or one that was replaced is gone.
        std::function<void()> changed;
        std::function<void(running_child&, boost::json::object const&)> message; ///< what is not about replacing
    };

    /// `patience`: until a process that was started to replace another serves.
    proxy_processes(boost::asio::io_context& io, child_spec spec, std::chrono::milliseconds patience, handlers h);

    void start() { serving_.start(); }
    /// Starts `p` in the place of the process that serves, and calls `done` when it does or cannot. The one before then ends with
    /// its last connection, or after `finish_within`. If the new one never serves, the one that is there goes on.
    void replace(std::shared_ptr<program const> p, std::chrono::milliseconds finish_within, std::function<void(replacement const&)> done);
    /// None is started again, and none replaced.
    void retire();
    void signal(int number);

    [[nodiscard]] bool any_running() const noexcept { return serving_.running() || next_ || !retirees_.empty(); }
    [[nodiscard]] supervised const& serving() const noexcept { return serving_; }
    /// Those that accept clients, or shall.
    [[nodiscard]] std::vector<running_child*> accepting() const;
    [[nodiscard]] std::vector<running_child*> all() const;
    /// {"type":"proxies","serving","retiring":[{"pid","retiring_ms"}]}
    [[nodiscard]] boost::json::object describe() const;

private:
    struct retiree {
        std::unique_ptr<running_child> child;
        std::chrono::steady_clock::time_point since;
        std::unique_ptr<boost::asio::steady_timer> limit; ///< of one that does not keep to its own
    };

    void on_message(running_child& from, boost::json::object const& message);
    void next_serves(std::string version);
    void next_ended(child_end how);
    void put_aside(std::unique_ptr<running_child> old);
    void retiree_ended(running_child& who, child_end how);
    void stopped_accepting(pid_t who, std::uint64_t connections);
    void fail(std::string why);

    boost::asio::io_context& io_;
    handlers handlers_;
    std::chrono::milliseconds const patience_;
    supervised serving_;
    child_spec next_spec_;
    std::unique_ptr<running_child> next_;
    std::list<retiree> retirees_;
    boost::asio::steady_timer timer_; ///< of the replacement under way
    std::chrono::milliseconds finish_within_{0};
    std::function<void(replacement const&)> done_; ///< empty: none is under way
    replacement outcome_;
    std::string why_no_program_;
    bool leaving_ = false;
};

} // namespace dyad
