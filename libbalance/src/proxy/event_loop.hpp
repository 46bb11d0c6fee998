// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/coalescing.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace balance::layer7 {

/// Told by its loop that a descriptor is ready; `events` are those of epoll.
class watcher {
public:
    virtual void ready(std::uint32_t events) = 0;

    std::uint32_t heard_in = 0; ///< the loop's, which asks `coalescing`

protected:
    ~watcher() = default;
};

/// One thread's epoll.
///
/// Asio's reactor would cost a relayed chunk two system calls more (a read that finds nothing, or an epoll_ctl) and a
/// few locks; here a descriptor is registered once, edge-triggered, and its owner remembers what it is ready for.
class event_loop {
public:
    using clock = std::chrono::steady_clock;

    event_loop();
    ~event_loop();
    event_loop(event_loop const&) = delete;
    event_loop& operator=(event_loop const&) = delete;

    /// Registers a descriptor. A closed one leaves by itself, unless a duplicate of it is open somewhere: then
    /// `unwatch`. Events that are already on their way may still reach `w` in the running batch. False when the kernel
    /// refuses.
    [[nodiscard]] bool watch(int fd, watcher& w, std::uint32_t events) noexcept;
    void unwatch(int fd) noexcept;

    /// Calls `task` on the loop's thread. From any thread.
    void post(std::function<void()> task);

    /// Runs until `stop`. `after_batch` is called after each round of events and returns for how long the loop may
    /// sleep; a negative duration: until something happens. Under load events gather for `gathering` at a time; 0: never.
    void run(std::function<std::chrono::milliseconds()> const& after_batch, std::chrono::microseconds gathering);
    /// From any thread.
    void stop();
    /// Lets go of tasks that came too late. When `run` has returned.
    void discard_tasks();

    /// The time of the running batch, a few milliseconds late at most.
    [[nodiscard]] clock::time_point now() const noexcept { return now_; }

private:
    void wake() const noexcept;
    void run_tasks();
    void read_clock() noexcept;

    int epoll_;
    int wakeup_; ///< an eventfd
    clock::time_point now_{};
    std::atomic<bool> stopping_{false};
    std::mutex mutex_; ///< of `tasks_`
    std::vector<std::function<void()>> tasks_;
};

} // namespace balance::layer7
