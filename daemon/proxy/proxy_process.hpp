// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipc/worker_links.hpp"
#include "proxy/error_watch.hpp"
#include "proxy/listener_pool.hpp"
#include "proxy/page_server.hpp"
#include "proxy/persistence_outbox.hpp"
#include "proxy/status_changes.hpp"

#include <balance/proxy.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <config/cluster_reader.hpp>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dyad {

/// Runs `balance::proxy` as the cluster process says, on sockets that the guardian gives.
class proxy_process {
public:
    proxy_process(int guardian_fd, balance::proxy::settings s);

    /// Until the guardian is gone or SIGTERM came.
    void run();

private:
    void on_guardian(boost::json::object const& message, std::vector<ipc::descriptor> descriptors);
    void take_sockets(boost::json::object const& message, std::vector<ipc::descriptor> descriptors);
    /// Another process serves in our place: accepts nothing more, and ends with the last connection or when the time is over.
    void retire(boost::json::object const& message);
    /// Nothing is accepted any more.
    void retired();
    void end_with_last_connection();
    [[nodiscard]] std::uint64_t connections() const noexcept { return proxy_.connections() + page_.connections(); }
    void on_cluster(boost::json::object const& message);
    void configure(boost::json::object const& message);
    bool parse(std::string text);
    void set_states(boost::json::object const& message);
    void merge(boost::json::object const& message);
    /// Writes the access log to `file`, or where the message says.
    void log_to(boost::json::object const& message, ipc::descriptor file);
    void tell_of_dropped_records();
    /// Applies what is wanted, as soon as the guardian has said of every socket whether there is one.
    void apply_when_settled();
    void apply();
    void listen(std::set<balance::endpoint> wanted, std::set<balance::endpoint> const& of_page);
    void send_records(std::string const& bytes);
    void tell_tables();
    void flush_later();
    void report_status();
    void tell_status();
    /// Looks for errors at servers again and again, as long as a service wants that.
    void watch_errors();
    void look_for_errors();
    [[nodiscard]] std::vector<balance::service_status> status() const;

    boost::asio::io_context io_{1};
    persistence_outbox outbox_;
    status_changes status_changes_;
    error_watch error_watch_;
    balance::proxy proxy_;
    boost::asio::steady_timer settle_timer_{io_};
    boost::asio::steady_timer flush_timer_{io_};
    boost::asio::steady_timer status_timer_{io_};
    boost::asio::steady_timer errors_timer_{io_};
    boost::asio::steady_timer retire_timer_{io_};
    listener_pool listeners_;
    page_server page_{io_};
    balance::configuration desired_;
    std::string text_; ///< that `desired_` came from
    config::cluster_reader reader_;
    std::vector<balance::server_state> states_;
    bool configured_ = false; ///< something is desired
    bool settling_ = false;   ///< the timer runs
    bool serves_ = false;     ///< the guardian was told
    bool retiring_ = false;
    std::chrono::steady_clock::time_point retire_until_{};
    std::uint64_t told_connections_ = 0;
    std::uint64_t told_dropped_ = 0; ///< records of the access log
    bool without_sockets_ = false; ///< the guardian has given none for transparent services, which was said
    bool watching_ = false;   ///< for errors
    bool introduced_ = false; ///< the present cluster process was given our tables
    ipc::worker_links links_; ///< last: its handlers use all of the above
};

} // namespace dyad
