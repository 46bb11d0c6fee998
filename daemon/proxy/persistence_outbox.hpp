// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/persistence.hpp>

#include <mutex>
#include <span>
#include <string>

namespace dyad {

/// Persistence entries on their way from the relay's threads to the thread that sends them. Thread-safe.
class persistence_outbox {
public:
    /// True when it was empty: someone has to be told that there is something to send.
    bool add(std::span<balance::persistence_entry const> entries) {
        std::lock_guard const lock(mutex_);
        bool const first = records_.empty();
        for (auto const& e : entries) {
            records_.add(balance::as_record(e));
        }
        return first && !records_.empty();
    }
    /// As bytes of a `persistence_writer`; empty: nothing.
    std::string take() {
        std::lock_guard const lock(mutex_);
        return records_.take();
    }

private:
    std::mutex mutex_;
    balance::persistence_writer records_;
};

} // namespace dyad
