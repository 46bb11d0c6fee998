// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api/message.hpp"

#include <balance/error.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <filesystem>
#include <memory>

namespace dyad::api {

struct server_settings {
    std::size_t max_body = 8u << 20;       ///< bytes
    std::size_t max_connections = 64;      ///< of a socket; further ones wait
    std::chrono::seconds idle_timeout{60}; ///< for a request to arrive
};

/// The control API: HTTP/1.1 and JSON over unix sockets. All on the executor's only thread.
class server {
public:
    server(boost::asio::any_io_executor executor, handler h, server_settings s = {});
    ~server();
    server(server&&) noexcept;
    server& operator=(server&&) noexcept;

    /// Listens on `path` with mode 0660 and group `dyad` where that exists; replaces a socket left behind.
    /// `read_only`: only GET is answered. Errors: `io_error`.
    balance::result<> listen(std::filesystem::path const& path, bool read_only);

    /// Closes all sockets and removes their files.
    void stop();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

} // namespace dyad::api
