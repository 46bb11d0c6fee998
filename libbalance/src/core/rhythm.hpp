// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace balance::core {

/// When something that is done every `interval` is done next. Counted from when the last time was due, so that a short delay
/// does not move those after it; a time that began later than half an interval is not made up for, but keeps its place in the
/// round: what a busy processor brought together comes apart again. Never before `now`.
[[nodiscard]] inline std::chrono::steady_clock::time_point next_start(std::chrono::steady_clock::time_point due,
                                                                      std::chrono::steady_clock::time_point started,
                                                                      std::chrono::steady_clock::time_point now,
                                                                      std::chrono::steady_clock::duration interval) noexcept {
    auto const next = due + interval;
    if (next >= now || started - due <= interval / 2 || interval.count() <= 0)
        return std::max(now, next);
    return next + ((now - next) / interval + 1) * interval;
}

} // namespace balance::core
