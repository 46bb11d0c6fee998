// SPDX-License-Identifier: Apache-2.0
#include "guardian/stall_timer.hpp"

#include <ctime>
#include <utility>

namespace dyad {

namespace {

std::chrono::nanoseconds monotonic_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

} // namespace

stall_timer::stall_timer(boost::asio::io_context& io, std::atomic<std::uint64_t> const& word,
                         std::function<void()> stalled)
    : word_(word), stalled_(std::move(stalled)), timer_(io) {}

void stall_timer::forget() {
    watch_.forget();
    timer_.cancel();
}

void stall_timer::watch(std::chrono::milliseconds deadtime) {
    watch_.set_deadtime(deadtime);
    tick();
}

void stall_timer::tick() {
    timer_.expires_after(watch_.interval());
    timer_.async_wait([this](boost::system::error_code ec) {
        if (ec || !watch_.watching()) {
            return;
        }
        if (watch_.stalled(monotonic_now(), word_.load(std::memory_order_acquire))) {
            forget();
            stalled_();
            return;
        }
        tick();
    });
}

} // namespace dyad
