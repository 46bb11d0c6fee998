// SPDX-License-Identifier: Apache-2.0
#include "wire/replay_window.hpp"

#include <algorithm>

namespace cluster::wire {

replay_window::replay_window(std::uint64_t counter) noexcept : highest_(counter) {
    words_.fill(~std::uint64_t{0});
    auto const above = counter % 64 == 63 ? 0 : ~std::uint64_t{0} << (counter % 64 + 1);
    words_[counter / 64 % words] &= ~above;
}

replay_window::answer replay_window::look(std::uint64_t counter) const noexcept {
    if (counter == 0) {
        return answer::too_old; // counters start at 1
    }
    if (counter > highest_) {
        return answer::fresh;
    }
    if (highest_ - counter >= size) {
        return answer::too_old;
    }
    auto const bit = std::uint64_t{1} << (counter % 64);
    return (words_[counter / 64 % words] & bit) != 0 ? answer::seen : answer::fresh;
}

void replay_window::mark(std::uint64_t counter) noexcept {
    if (counter > highest_) {
        auto const steps = std::min(counter / 64 - highest_ / 64, words);
        for (std::uint64_t i = 1; i <= steps; ++i) {
            words_[(highest_ / 64 + i) % words] = 0;
        }
        highest_ = counter;
    }
    words_[counter / 64 % words] |= std::uint64_t{1} << (counter % 64);
}

} // namespace cluster::wire
