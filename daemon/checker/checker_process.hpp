// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "checker/health_hooks.hpp"
#include "ipc/worker_links.hpp"

#include <balance/change_hooks.hpp>
#include <balance/checker.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <config/cluster_reader.hpp>
#include <string>
#include <vector>

namespace dyad {

/// Runs `balance::checker` as the cluster process says, and tells it what comes out.
class checker_process {
public:
    checker_process(int guardian_fd, balance::checker::settings s);

    /// Until the guardian is gone or SIGTERM came.
    void run();

private:
    void on_cluster(boost::json::object const& message);
    void configure(boost::json::object const& message);
    void take_secrets(boost::json::object const& message);
    /// What the other node found out.
    void seed(boost::json::object const& message);
    void check_now(boost::json::object const& message);
    /// What the proxy met at servers.
    void report_errors(boost::json::object const& message);
    void tell_what_differs(std::vector<balance::server_state> const& known);
    void tell_history(boost::json::object const& message);
    /// Makes one check for an operator; the answer goes to whoever is the cluster process then.
    void test(boost::json::object const& message);
    void tick();

    static constexpr std::chrono::seconds lateness_period{10};

    boost::asio::io_context io_{1};
    balance::checker checker_;
    boost::asio::steady_timer timer_{io_};
    ipc::worker_links links_;
    balance::change_hooks programs_{io_.get_executor()};
    health_hooks hooks_;
    std::vector<balance::virtual_service> services_;
    std::string common_hook_;
    balance::change_hooks::settings hook_limits_;
    std::string text_; ///< that `services_` came from
    config::cluster_reader reader_;
    bool more_to_tell_ = false;
    std::chrono::steady_clock::time_point tell_lateness_at_ = std::chrono::steady_clock::now() + lateness_period;
    bool introduced_ = false; ///< the present cluster process was told what we know
};

} // namespace dyad
