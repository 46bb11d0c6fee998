// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guardian/child.hpp"
#include "ipc/channel.hpp"

#include <balance/service.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace test {

/// A real worker process, seen from where guardian and cluster process sit.
class worker_seat {
public:
    explicit worker_seat(dyad::child_entry const& entry);
    ~worker_seat(); ///< kills it
    worker_seat(worker_seat const&) = delete;
    worker_seat& operator=(worker_seat const&) = delete;

    /// Gives it a connection to a cluster process that knows nothing; the one before is closed.
    void attach();
    void say_as_cluster(boost::json::object const& message, std::span<int const> descriptors = {}) {
        cluster_.send(message, descriptors);
    }
    /// The cluster process dies.
    void lose_cluster() { cluster_.close(); }
    void give(std::vector<balance::endpoint> const& add, std::vector<int> const& sockets,
              std::vector<balance::endpoint> const& remove = {}, std::vector<balance::endpoint> const& failed = {});

    /// The first message to the cluster process that `wanted` accepts, of those not asked for before; nothing within 5
    /// s.
    std::optional<boost::json::object> heard(std::function<bool(boost::json::object const&)> const& wanted);
    /// The same for a type.
    std::optional<boost::json::object> heard(std::string const& type);
    /// The same of what it says to the guardian.
    std::optional<boost::json::object> told_guardian(std::string const& type);
    void say_as_guardian(boost::json::object const& message) { guardian_.send(message); }
    /// How the worker ends by itself, or nothing within 5 s.
    std::optional<dyad::child_end> end();
    /// Closes all channels: the guardian dies. How the worker ends, or nothing within 5 s.
    std::optional<dyad::child_end> after_guardian_is_gone();
    std::optional<dyad::child_end> after_signal(int number);

private:
    using messages = std::vector<boost::json::object>;
    std::optional<boost::json::object> first_of(messages& heard, std::function<bool(boost::json::object const&)> const& wanted);

    boost::asio::io_context io_;
    dyad::child child_;
    dyad::ipc::channel guardian_;
    dyad::ipc::channel cluster_;
    messages messages_;
    messages to_guardian_;
};

/// A TCP server on 127.0.0.1 that answers every client with its name and ends the connection.
class named_server {
public:
    explicit named_server(std::string name);
    ~named_server();
    named_server(named_server const&) = delete;
    named_server& operator=(named_server const&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

private:
    dyad::child child_;
    std::uint16_t port_ = 0;
};

} // namespace test
