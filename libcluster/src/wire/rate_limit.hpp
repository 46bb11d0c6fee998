// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace cluster::wire {

/// Lets one thing through per `interval`, and up to `burst` at once after a pause (GCRA, ITU-T I.371).
class rate_limit {
public:
    using time_point = std::chrono::steady_clock::time_point;

    rate_limit(std::chrono::nanoseconds interval, unsigned burst) noexcept
        : interval_(interval), slack_(interval * (burst > 0 ? burst - 1 : 0)) {}

    /// May one go now? Counts it when yes.
    bool take(time_point now) noexcept {
        if (now < next()) {
            return false;
        }
        due_ = std::max(due_, now) + interval_;
        return true;
    }

    /// The earliest time at which `take` says yes.
    [[nodiscard]] time_point next() const noexcept { return due_ - slack_; }

private:
    std::chrono::nanoseconds interval_;
    std::chrono::nanoseconds slack_;
    time_point due_{};
};

} // namespace cluster::wire
