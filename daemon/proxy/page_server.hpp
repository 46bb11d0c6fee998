// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/proxy.hpp>
#include <balance/service.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace dyad {

/// The node's own page: what clients of a service see while none of its real servers can serve them
/// (`fallback = "local"`). Answers every request with 503 and closes, so that browsers, programs and caches all know
/// that this is not the service.
class page_server {
public:
    explicit page_server(boost::asio::io_context& io);
    ~page_server();
    page_server(page_server const&) = delete;
    page_server& operator=(page_server const&) = delete;

    /// Answers on `wanted` from now on: takes the sockets of `fresh`, closes those that are not wanted any more.
    void serve(std::vector<balance::listener> const& fresh, std::set<balance::endpoint> const& wanted);

    [[nodiscard]] std::size_t connections() const noexcept { return *connections_; }

private:
    using acceptor = boost::asio::ip::tcp::acceptor;

    boost::asio::io_context& io_;
    std::map<balance::endpoint, std::shared_ptr<acceptor>> acceptors_;
    std::shared_ptr<std::size_t> connections_; ///< open ones; their coroutines may outlive this object
};

} // namespace dyad
