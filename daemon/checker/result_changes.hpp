// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/checker.hpp>

#include <map>
#include <span>
#include <vector>

namespace dyad {

/// Picks from what the checks know what is worth telling: pure.
class result_changes {
public:
    /// Entries whose outcome or reason differs from what was told last; `with_latency` also those that only took
    /// another time. What is returned counts as told.
    std::vector<balance::health_snapshot> pick(std::span<balance::health_snapshot const> now, bool with_latency);

    /// Someone listens who was told nothing.
    void forget() { told_.clear(); }

private:
    struct told {
        balance::health health = balance::health::unknown;
        balance::check_result last;
    };
    std::map<balance::server_key, told> told_;
};

} // namespace dyad
