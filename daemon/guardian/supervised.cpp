// SPDX-License-Identifier: Apache-2.0
#include "guardian/supervised.hpp"

#include <spdlog/spdlog.h>

#include <signal.h>

#include <utility>

namespace dyad {

namespace {

/// A child may close its channel and then need this long to leave in good order.
constexpr std::chrono::seconds mute_limit{3};

} // namespace

supervised::supervised(boost::asio::io_context& io, child_spec spec, handlers h)
    : io_(io), spec_(std::move(spec)), handlers_(std::move(h)), timer_(io), end_(io) {}

void supervised::start() {
    if (retired_ || running()) {
        return;
    }
    auto started = start_child(spec_);
    if (!started) {
        spdlog::error("{} process: {}", spec_.name, started.error().detail);
        last_end_ = started.error().detail;
        started_at_ = std::chrono::steady_clock::now();
        return start_again();
    }
    child_ = std::move(*started);
    started_at_ = std::chrono::steady_clock::now();
    end_.assign(child_.pidfd.release());
    end_.async_wait(end_.wait_read, [this](boost::system::error_code ec) {
        if (!ec) {
            on_end();
        }
    });
    channel_ = ipc::channel(io_.get_executor(), std::move(child_.socket));
    channel_.on_message(handlers_.message);
    channel_.on_closed([this](std::string const& reason) { on_channel_closed(reason); });
    channel_.start();
    spdlog::info("{} process started, pid {}", spec_.name, child_.pid);
    handlers_.started();
}

void supervised::signal(int number) {
    if (running()) {
        ::kill(child_.pid, number); // not reaped yet, so the pid is its own
    }
}

void supervised::retire() {
    retired_ = true;
    if (!running()) {
        timer_.cancel();
    }
}

boost::json::object supervised::describe() const {
    auto const up = std::chrono::steady_clock::now() - started_at_;
    return {{"type", "process"},
            {"name", spec_.name},
            {"pid", child_.pid},
            {"restarts", restarts_},
            {"up_ms", std::chrono::duration_cast<std::chrono::milliseconds>(up).count()},
            {"quick_deaths", backoff_.quick_deaths()},
            {"reason", last_end_}};
}

void supervised::on_end() {
    timer_.cancel();
    channel_.receive_now();
    channel_.close();
    auto const how = reap(child_);
    boost::system::error_code ignored;
    end_.close(ignored);
    auto const pid = std::exchange(child_.pid, -1);
    last_end_ = how.text();
    if (retired_) {
        spdlog::info("{} process (pid {}) {}", spec_.name, pid, last_end_);
    } else {
        spdlog::warn("{} process (pid {}) {}", spec_.name, pid, last_end_);
    }
    handlers_.ended(how);
    start_again();
}

void supervised::start_again() {
    if (retired_) {
        return;
    }
    auto const lived = std::chrono::steady_clock::now() - started_at_;
    auto const wait = backoff_.after_life_of(std::chrono::duration_cast<std::chrono::milliseconds>(lived));
    timer_.expires_after(wait);
    timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec) {
            ++restarts_;
            start();
        }
    });
}

void supervised::on_channel_closed(std::string const& reason) {
    if (reason != "closed by the peer") {
        spdlog::error("channel of the {} process: {}", spec_.name, reason);
    }
    timer_.expires_after(mute_limit);
    timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec && running()) {
            spdlog::error("{} process (pid {}) closed its channel but goes on: killed", spec_.name, child_.pid);
            signal(SIGKILL);
        }
    });
}

} // namespace dyad
