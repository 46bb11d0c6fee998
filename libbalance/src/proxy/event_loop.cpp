// SPDX-License-Identifier: Apache-2.0
#include "proxy/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

namespace balance::layer7 {

event_loop::event_loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr; // the only one without a watcher
    if (epoll_ < 0 || wakeup_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wakeup_, &event) != 0) {
        int const error = errno;
        ::close(epoll_);
        ::close(wakeup_);
        throw std::system_error(error, std::system_category(), "epoll");
    }
    read_clock();
}

event_loop::~event_loop() {
    ::close(epoll_);
    ::close(wakeup_);
}

bool event_loop::watch(int fd, watcher& w, std::uint32_t events) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &w;
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void event_loop::unwatch(int fd) noexcept { ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr); }

void event_loop::post(std::function<void()> task) {
    bool first = false;
    {
        std::lock_guard const lock(mutex_);
        first = tasks_.empty();
        tasks_.push_back(std::move(task));
    }
    if (first)
        wake();
}

void event_loop::stop() {
    stopping_ = true;
    wake();
}

void event_loop::discard_tasks() {
    std::vector<std::function<void()>> tasks;
    std::lock_guard const lock(mutex_);
    tasks.swap(tasks_);
}

void event_loop::wake() const noexcept {
    std::uint64_t const one = 1;
    // A full counter is a wakeup too, so the result does not matter.
    [[maybe_unused]] auto const written = ::write(wakeup_, &one, sizeof one);
}

void event_loop::run(std::function<std::chrono::milliseconds()> const& after_batch, std::chrono::microseconds gathering) {
    if (gathering.count() > 0)
        ::prctl(PR_SET_TIMERSLACK, 1000UL); // ns; 50 us by default, which is as long as we mean to rest
    std::array<epoll_event, 256> events;
    coalescing load;
    bool rest = false;
    while (!stopping_) {
        auto const sleep = after_batch();
        if (rest && sleep.count() != 0)
            std::this_thread::sleep_for(gathering);
        int const count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                       sleep.count() < 0 ? -1 : static_cast<int>(sleep.count()));
        read_clock();
        auto const told = static_cast<std::size_t>(std::max(count, 0));
        rest = gathering.count() > 0 && load.rest_after(told, now_);
        for (auto const& event : std::span(events).first(told)) {
            if (event.data.ptr == nullptr) {
                run_tasks();
                continue;
            }
            auto& w = *static_cast<watcher*>(event.data.ptr);
            load.hear(w.heard_in);
            w.ready(event.events);
        }
    }
}

void event_loop::run_tasks() {
    std::uint64_t drained = 0;
    [[maybe_unused]] auto const size = ::read(wakeup_, &drained, sizeof drained);
    std::vector<std::function<void()>> tasks;
    {
        std::lock_guard const lock(mutex_);
        tasks.swap(tasks_);
    }
    for (auto const& task : tasks)
        task();
}

/// The coarse clock is the same one without the cost of reading the hardware.
void event_loop::read_clock() noexcept {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    now_ = clock::time_point(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

} // namespace balance::layer7
