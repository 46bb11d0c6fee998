// SPDX-License-Identifier: Apache-2.0
#include "core/tracker.hpp"

#include <algorithm>

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

} // namespace balance::core
