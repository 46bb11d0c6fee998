// SPDX-License-Identifier: Apache-2.0
#include "log/repeat_filter.hpp"

#include <utility>

namespace dyad::log {

repeat_filter::verdict repeat_filter::admit(time_point now, std::string_view text) {
    if (records_.size() >= capacity) {
        forget_old(now);
    }
    auto& r = records_.try_emplace(std::string(text), record{now}).first->second;
    bool const over = now - r.since >= window || now < r.since; // the clock may have been set back
    if (over) {
        auto const skipped = std::exchange(r.skipped, 0u);
        r.since = now;
        r.passed = 1;
        return {true, skipped};
    }
    if (r.passed < burst) {
        ++r.passed;
        return {true, 0};
    }
    ++r.skipped;
    return {false, 0};
}

void repeat_filter::forget_old(time_point now) {
    std::erase_if(records_, [now](auto const& entry) { return now - entry.second.since >= window; });
    if (records_.size() >= capacity) {
        records_.clear(); // so many different texts at once: no repetition worth holding back
    }
}

} // namespace dyad::log
