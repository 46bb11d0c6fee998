// SPDX-License-Identifier: Apache-2.0
#include "probe/history.hpp"

#include <algorithm>

namespace balance::probe {

void history::note(time_point now, check_result const& result) {
    bool const alike =
        !runs_.empty() && runs_.back().last.success == result.success && runs_.back().last.reason == result.reason;
    if (!alike) {
        if (runs_.size() == most)
            runs_.erase(runs_.begin());
        runs_.push_back({.last = {}, .first_at = now, .last_at = now});
    }
    auto& present = runs_.back();
    present.last = result;
    present.last_at = now;
    present.longest = std::max(present.longest, result.latency);
    ++present.count;
}

std::vector<check_run> history::runs(time_point now) const {
    auto const age = [now](time_point then) { return std::chrono::duration_cast<milliseconds>(now - then); };
    std::vector<check_run> out;
    for (auto r = runs_.rbegin(); r != runs_.rend(); ++r)
        out.push_back({.last = r->last,
                       .count = r->count,
                       .longest = r->longest,
                       .since_first = age(r->first_at),
                       .since_last = age(r->last_at)});
    return out;
}

} // namespace balance::probe
