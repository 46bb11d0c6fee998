// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guardian/guardian.hpp"
#include "guardian/last_will.hpp"
#include "guardian/listeners.hpp"
#include "guardian/proxy_processes.hpp"
#include "guardian/shared_word.hpp"
#include "guardian/stall_timer.hpp"
#include "guardian/supervised.hpp"
#include "systemd/notifier.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dyad {

/// The guardian at work: cluster process, checker and proxies, what connects them, and what is done when one ends.
class supervisor {
public:
    /// `locks` go on in the cluster process, which may outlive us for the moment it needs to hand over.
    supervisor(guardian_settings settings, std::vector<int> locks);

    /// Until everything has ended; returns the exit code.
    int run();

private:
    enum class phase { running, stopping_cluster, stopping_rest };
    using message_handler = void (supervisor::*)(boost::json::object const&);

    void wait_for_signals();
    void on_signal(int number);
    void pet_watchdog();

    void on_cluster_started();
    void on_cluster_ended(child_end how);
    void on_stall();
    void on_checker_started();
    void on_proxy_started(running_child& proxy);
    /// Another one serves, or one that was replaced is gone.
    void on_proxies_changed();
    /// Gives the cluster process and a worker a connection of their own.
    void connect(running_child& worker, std::string const& role, std::uint64_t restarts);
    void begin_stop();
    void expect_cluster_end();
    void end_rest();
    void leave_when_alone();

    void on_cluster_message(boost::json::object const& message);
    void on_ready(boost::json::object const& message);
    void on_leaving(boost::json::object const& message);
    void on_status(boost::json::object const& message);
    void on_deadtime(boost::json::object const& message);
    void on_floating(boost::json::object const& message);
    void on_goodbye(boost::json::object const& message);
    void on_listen(boost::json::object const& message);
    void on_replace_proxy(boost::json::object const& message);
    void retry_listeners_later();
    void pass_listeners(listener_change const& change, running_child& to);
    void report_listeners();

    void on_proxy_message(running_child& from, boost::json::object const& message);

    boost::asio::io_context io_{1};
    boost::asio::posix::stream_descriptor signals_{io_};
    boost::asio::steady_timer stop_timer_{io_};
    boost::asio::steady_timer listen_timer_{io_};
    boost::asio::steady_timer watchdog_timer_{io_};
    systemd::notifier notifier_;
    shared_word liveness_;
    last_will will_;
    stall_timer stall_;
    listeners listeners_;
    supervised cluster_;
    supervised checker_;
    proxy_processes proxies_;
    std::filesystem::path const program_path_;
    std::vector<std::string> const proxy_arguments_;
    std::chrono::steady_clock::time_point const started_at_ = std::chrono::steady_clock::now();
    phase phase_ = phase::running;
    bool was_ready_ = false;
    bool leaving_ = false; ///< the cluster process said that it left in good order
    int exit_code_ = 0;
};

} // namespace dyad
