// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <functional>

namespace balance::probe {

/// How many programs may run at once; who finds no slot waits in line.
class program_slots {
public:
    explicit program_slots(std::size_t count) : free_(count == 0 ? 1 : count) {}

    /// Calls `go` now or when a slot is given back. Whoever no longer wants to go then gives it back at once.
    void take(std::function<void()> go) {
        if (free_ == 0) {
            waiting_.push_back(std::move(go));
            return;
        }
        --free_;
        go();
    }

    void give_back() {
        if (waiting_.empty()) {
            ++free_;
            return;
        }
        auto go = std::move(waiting_.front());
        waiting_.pop_front();
        go();
    }

private:
    std::size_t free_;
    std::deque<std::function<void()>> waiting_;
};

} // namespace balance::probe
