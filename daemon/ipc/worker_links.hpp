// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipc/channel.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace dyad::ipc {

/// What checker and proxy have in common: a channel to the guardian, one to the cluster process that the guardian
/// renews whenever one of both ends was started again, and the end of the process when the guardian dies or SIGTERM
/// comes.
class worker_links {
public:
    struct handlers {
        std::function<void()> attached; ///< a cluster process that knows nothing of us
        std::function<void(boost::json::object const&)> from_cluster;
        std::function<void(boost::json::object const&, std::vector<descriptor>)> from_guardian;
        /// What the cluster process sends with descriptors; without it they are closed, and the rest is as above.
        std::function<void(boost::json::object const&, std::vector<descriptor>)> descriptors_from_cluster{};
    };

    worker_links(boost::asio::io_context& io, int guardian_fd, handlers h);

    /// False when no cluster process is there.
    bool to_cluster(boost::json::object const& message) { return cluster_.send(message); }
    bool to_guardian(boost::json::object const& message) { return guardian_.send(message); }
    [[nodiscard]] bool has_cluster() const noexcept { return cluster_.is_open(); }
    /// Has the cluster process taken all that was sent?
    [[nodiscard]] bool all_sent() const noexcept { return !cluster_.is_open() || cluster_.waiting() == 0; }
    /// Delivers what the guardian has sent already.
    void hear_guardian() { guardian_.receive_now(); }

private:
    void on_guardian(boost::json::object const& message, std::vector<descriptor> descriptors);
    void attach(descriptor socket);

    boost::asio::io_context& io_;
    handlers handlers_;
    channel guardian_;
    channel cluster_;
    boost::asio::signal_set signals_;
};

} // namespace dyad::ipc
