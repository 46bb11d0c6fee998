// SPDX-License-Identifier: Apache-2.0
#include "guardian/liveness_watch.hpp"

#include <algorithm>
#include <utility>

namespace dyad {

void liveness_watch::set_deadtime(std::chrono::milliseconds deadtime) noexcept {
    deadtime_ = deadtime;
    last_check_.reset();
}

liveness_watch::nanoseconds liveness_watch::interval() const noexcept {
    return std::max<nanoseconds>(deadtime_ / 10, std::chrono::milliseconds{1});
}

bool liveness_watch::stalled(nanoseconds now, std::uint64_t word) noexcept {
    auto const last = std::exchange(last_check_, now);
    bool const on_time = last && now - *last <= 2 * interval();
    if (!watching() || !on_time || word == 0) {
        return false;
    }
    auto const patience = std::max<nanoseconds>(deadtime_ * 6 / 10, shortest_patience);
    return now - nanoseconds{static_cast<std::int64_t>(word)} > patience;
}

} // namespace dyad
