// SPDX-License-Identifier: Apache-2.0
#include "guardian/running_child.hpp"

#include <spdlog/spdlog.h>

#include <signal.h>

#include <utility>

namespace dyad {

namespace {

/// A child may close its channel and then need this long to leave in good order.
constexpr std::chrono::seconds mute_limit{3};

} // namespace

balance::result<std::unique_ptr<running_child>> running_child::start(boost::asio::io_context& io, child_spec const& spec, handlers h) {
    auto started = start_child(spec);
    if (!started) {
        return started.error();
    }
    return std::make_unique<running_child>(io, spec.name, std::move(*started), std::move(h));
}

running_child::running_child(boost::asio::io_context& io, std::string name, child started, handlers h)
    : name_(std::move(name)), handlers_(std::move(h)), child_(std::move(started)), mute_timer_(io),
      end_(io, child_.pidfd.release()), channel_(io.get_executor(), std::move(child_.socket)) {
    end_.async_wait(end_.wait_read, [this](boost::system::error_code ec) {
        if (!ec) {
            on_end();
        }
    });
    channel_.on_message([this](boost::json::object m, std::vector<ipc::descriptor>) {
        auto const handler = handlers_.message; // which may be replaced by the call
        handler(*this, m);
    });
    channel_.on_closed([this](std::string const& reason) { on_channel_closed(reason); });
    channel_.start();
}

void running_child::signal(int number) {
    if (!over_) {
        ::kill(child_.pid, number); // not reaped yet, so the pid is its own
    }
}

std::chrono::milliseconds running_child::age() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started_at_);
}

void running_child::on_end() {
    mute_timer_.cancel();
    channel_.receive_now();
    channel_.close();
    auto const how = reap(child_);
    over_ = true;
    auto const handler = handlers_.ended;
    handler(*this, how);
}

void running_child::on_channel_closed(std::string const& reason) {
    if (reason != "closed by the peer") {
        spdlog::error("channel of the {} process: {}", name_, reason);
    }
    mute_timer_.expires_after(mute_limit);
    mute_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec && !over_) {
            spdlog::error("{} process (pid {}) closed its channel but goes on: killed", name_, child_.pid);
            signal(SIGKILL);
        }
    });
}

} // namespace dyad
