// SPDX-License-Identifier: Apache-2.0
#include "net/waiter.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace cluster::net {

waiter::waiter()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), timer_(::timerfd_create(boot_clock::id, TFD_NONBLOCK | TFD_CLOEXEC)) {
    if (!epoll_ || !timer_) {
        throw std::system_error(errno, std::generic_category(), "epoll and timerfd");
    }
    watch(timer_.get());
}

void waiter::watch(int descriptor) noexcept {
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.fd = descriptor;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &e);
}

void waiter::forget(int descriptor) noexcept { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr); }

void waiter::wait(time_point until) noexcept {
    // Setting a timerfd anew also takes back an expiry not yet read.
    auto const since_boot = std::chrono::duration_cast<std::chrono::nanoseconds>(until.time_since_epoch()).count();
    auto const ns = since_boot > 1 ? since_boot : 1; // all zero would disarm it
    constexpr std::int64_t second = 1'000'000'000;
    itimerspec const at{{}, {ns / second, ns % second}};
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
    epoll_event ready{};
    ::epoll_wait(epoll_.get(), &ready, 1, -1);
}

} // namespace cluster::net
