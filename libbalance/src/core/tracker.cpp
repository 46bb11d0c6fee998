// SPDX-License-Identifier: Apache-2.0
#include "core/tracker.hpp"

#include <algorithm>
#include <utility>

namespace balance::core {

health_tracker::health_tracker(std::uint16_t rise, std::uint16_t fall, health seed) noexcept
    : rise_(std::max<std::uint16_t>(rise, 1)), fall_(std::max<std::uint16_t>(fall, 1)), state_(seed) {}

bool health_tracker::report(bool success) noexcept {
    health const said = success ? health::up : health::down;
    if (said == state_) {
        contradictions_ = 0;
        return false;
    }
    if (state_ != health::unknown && ++contradictions_ < (success ? rise_ : fall_))
        return false;
    contradictions_ = 0;
    state_ = said;
    return true;
}

bool health_tracker::seed(health said) noexcept {
    if (state_ != health::unknown || said == health::unknown)
        return false;
    state_ = said;
    return true;
}

bool health_tracker::take_down() noexcept {
    contradictions_ = 0;
    return std::exchange(state_, health::down) != health::down;
}

} // namespace balance::core
