// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <ctime>

namespace cluster::net {

/// Time since the machine started, the time that it slept included: a suspended virtual machine must find out that it
/// was away. The time points have steady_clock's type because that is what the failover machine speaks of; they must
/// not be mixed with steady_clock's.
struct boot_clock {
    using time_point = std::chrono::steady_clock::time_point;
    using duration = time_point::duration;
    static constexpr clockid_t id = CLOCK_BOOTTIME;

    static time_point now() noexcept {
        timespec t{};
        ::clock_gettime(id, &t);
        return time_point{std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec}};
    }
};

} // namespace cluster::net
