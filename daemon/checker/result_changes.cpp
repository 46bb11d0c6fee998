// SPDX-License-Identifier: Apache-2.0
#include "checker/result_changes.hpp"

#include <utility>

namespace dyad {

std::vector<balance::health_snapshot> result_changes::pick(std::span<balance::health_snapshot const> now,
                                                           bool with_latency) {
    std::vector<balance::health_snapshot> changed;
    std::map<balance::server_key, told> next; // what is gone is forgotten
    for (auto const& entry : now) {
        auto const before = told_.find(entry.key);
        bool const same = before != told_.end() && before->second.health == entry.health &&
                          before->second.last.success == entry.last.success &&
                          before->second.last.reason == entry.last.reason &&
                          (!with_latency || before->second.last.latency == entry.last.latency);
        if (same) {
            next.insert(std::move(*before));
            continue;
        }
        changed.push_back(entry);
        next[entry.key] = {entry.health, entry.last};
    }
    told_ = std::move(next);
    return changed;
}

} // namespace dyad
