// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/status.hpp>

#include <vector>

namespace dyad {

/// Picks from the status of all services what is worth telling: thousands of idle servers are told once. Pure.
class status_changes {
public:
    struct news {
        bool whole = false; ///< all that there is, not only what changed
        std::vector<balance::service_status> services;
    };

    /// What differs from what was told last; all of it when services came, went or changed places. It counts as told.
    news pick(std::vector<balance::service_status> now);

    /// Someone listens who was told nothing.
    void forget() { told_.clear(); }

private:
    std::vector<balance::service_status> told_;
};

} // namespace dyad
