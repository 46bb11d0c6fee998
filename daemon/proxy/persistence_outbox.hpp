// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/proxy.hpp>

#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace dyad {

/// Persistence entries on their way from the relay's threads to the thread that sends them. Thread-safe.
class persistence_outbox {
public:
    /// True when it was empty: someone has to be told that there is something to send.
    bool add(std::span<balance::persistence_entry const> entries) {
        std::lock_guard const lock(mutex_);
        bool const first = entries_.empty();
        entries_.insert(entries_.end(), entries.begin(), entries.end());
        return first && !entries_.empty();
    }
    std::vector<balance::persistence_entry> take() {
        std::lock_guard const lock(mutex_);
        return std::exchange(entries_, {});
    }

private:
    std::mutex mutex_;
    std::vector<balance::persistence_entry> entries_;
};

} // namespace dyad
