// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "failover/transition_table.hpp"
#include "fault.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace sim {

inline constexpr std::size_t event_count = 11;

/// How often what was tried, over any number of runs.
struct coverage {
    std::array<std::array<std::uint64_t, cluster::failover::state_count>, cluster::failover::state_count> transitions{};
    std::array<std::array<std::uint64_t, cluster::failover::state_count>, event_count>
        events{}; ///< event x state it met
    std::array<std::uint64_t, fault_count> faults{};
    std::uint64_t steps = 0;

    void add(coverage const& other);
    /// As a text table; cells that happened less than `least` times are marked.
    [[nodiscard]] std::string table(std::uint64_t least) const;
    /// How many of the allowed transitions and the faults happened less than `least` times, and of the possible event x
    /// state cells less than a hundredth of that.
    [[nodiscard]] std::size_t rare(std::uint64_t least) const;
};

} // namespace sim
