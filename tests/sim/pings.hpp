// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "event_queue.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace sim {

/// Which ping nodes a node can reach, and what its process knows of that: a regular round each second, of which three count.
struct ping_nodes {
    static constexpr instant interval = 1000 * ms;
    static constexpr instant reachable = -1;

    int lost = 0;                  ///< out of reach now; a counter of faults, which overlap
    instant cut_off_since = reachable; ///< since when none could be reached

    std::array<int, 3> missing{};  ///< in the last rounds
    std::size_t rounds = 0;
    std::vector<instant> asked;    ///< by this process

    void lose(int more, int configured, instant now) {
        lost += more;
        if (configured == 0 || lost < configured)
            cut_off_since = reachable;
        else if (cut_off_since == reachable)
            cut_off_since = now;
    }
    [[nodiscard]] bool any(int configured) const noexcept { return lost < configured; }
    /// A new process has asked nobody yet.
    void start(int configured) {
        missing.fill(configured);
        asked.clear();
    }
    void round(int configured) { missing[rounds++ % missing.size()] = std::min(lost, configured); }
    [[nodiscard]] int answering(int configured) const noexcept {
        return configured - *std::min_element(missing.begin(), missing.end());
    }
};

} // namespace sim
