// SPDX-License-Identifier: Apache-2.0
#include "ipc/worker_links.hpp"

#include "ipc/fields.hpp"

#include <csignal>
#include <utility>

namespace dyad::ipc {

worker_links::worker_links(boost::asio::io_context& io, int guardian_fd, handlers h)
    : io_(io), handlers_(std::move(h)), guardian_(io.get_executor(), descriptor(guardian_fd)), signals_(io, SIGTERM) {
    signals_.async_wait([this](boost::system::error_code ec, int) {
        if (!ec) {
            io_.stop();
        }
    });
    guardian_.on_message([this](boost::json::object message, std::vector<descriptor> descriptors) {
        on_guardian(message, std::move(descriptors));
    });
    guardian_.on_closed([this](std::string const&) { io_.stop(); });
    guardian_.start();
}

void worker_links::on_guardian(boost::json::object const& message, std::vector<descriptor> descriptors) {
    if (fields(message).text("type") == "attach" && descriptors.size() == 1) {
        attach(std::move(descriptors.front()));
        return;
    }
    handlers_.from_guardian(message, std::move(descriptors));
}

void worker_links::attach(descriptor socket) {
    cluster_ = channel(io_.get_executor(), std::move(socket));
    cluster_.on_message([this](boost::json::object const& message, std::vector<descriptor> descriptors) {
        if (!descriptors.empty() && handlers_.descriptors_from_cluster) {
            handlers_.descriptors_from_cluster(message, std::move(descriptors));
        } else {
            handlers_.from_cluster(message);
        }
    });
    cluster_.on_closed([](std::string const&) {}); // the guardian sends another one
    cluster_.start();
    handlers_.attached();
}

} // namespace dyad::ipc
