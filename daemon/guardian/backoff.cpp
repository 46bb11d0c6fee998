// SPDX-License-Identifier: Apache-2.0
#include "guardian/backoff.hpp"

#include <algorithm>

namespace dyad {

backoff::milliseconds backoff::after_life_of(milliseconds lived) {
    if (lived >= forgiven) {
        deaths_ = 0;
    }
    ++deaths_;
    if (deaths_ == 1) {
        return milliseconds{0};
    }
    auto const doublings = std::min(deaths_ - 2, 10u);
    return std::min(first_wait * (1 << doublings), longest);
}

} // namespace dyad
