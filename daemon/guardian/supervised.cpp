// SPDX-License-Identifier: Apache-2.0
#include "guardian/supervised.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace dyad {

supervised::supervised(boost::asio::io_context& io, child_spec spec, handlers h)
    : io_(io), spec_(std::move(spec)), handlers_(std::move(h)), timer_(io) {}

void supervised::start() {
    if (retired_ || running()) {
        return;
    }
    started_at_ = std::chrono::steady_clock::now();
    auto started = running_child::start(io_, spec_, child_handlers());
    if (!started) {
        spdlog::error("{} process: {}", spec_.name, started.error().detail);
        last_end_ = started.error().detail;
        return start_again();
    }
    child_ = std::move(*started);
    spdlog::info("{} process started, pid {}", spec_.name, child_->pid());
    handlers_.started();
}

running_child::handlers supervised::child_handlers() {
    return {.ended = [this](running_child&, child_end how) { on_end(how); }, .message = handlers_.message};
}

void supervised::signal(int number) {
    if (running()) {
        child_->signal(number);
    }
}

void supervised::retire() {
    retired_ = true;
    if (!running()) {
        timer_.cancel();
    }
}

std::unique_ptr<running_child> supervised::replace(std::unique_ptr<running_child> next, child_spec spec) {
    timer_.cancel();
    spec_ = std::move(spec);
    next->hand_to(child_handlers());
    started_at_ = next->started_at();
    return std::exchange(child_, std::move(next));
}

boost::json::object supervised::describe() const {
    auto const up = std::chrono::steady_clock::now() - started_at_;
    return {{"type", "process"},
            {"name", spec_.name},
            {"pid", pid()},
            {"restarts", restarts_},
            {"up_ms", std::chrono::duration_cast<std::chrono::milliseconds>(up).count()},
            {"quick_deaths", backoff_.quick_deaths()},
            {"reason", last_end_}};
}

void supervised::on_end(child_end how) {
    auto const ended = std::exchange(child_, nullptr); // it lives until its own callback is over
    last_end_ = how.text();
    if (retired_) {
        spdlog::info("{} process (pid {}) {}", spec_.name, ended->pid(), last_end_);
    } else {
        spdlog::warn("{} process (pid {}) {}", spec_.name, ended->pid(), last_end_);
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
        if (!ec && !running()) {
            ++restarts_;
            start();
        }
    });
}

} // namespace dyad
