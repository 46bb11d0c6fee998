// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/boot_clock.hpp"

#include <cluster/node.hpp>

#include <mutex>

namespace cluster::net {

/// The node's status for everybody else to read. The heartbeat thread never waits for a reader: when one is reading, it
/// writes the next time.
class status_board {
public:
    using clock = boot_clock;

    /// Copies `s`, which was true at `at`; false when somebody is reading.
    bool write(node_status const& s, clock::time_point at) {
        std::unique_lock const lock{mutex_, std::try_to_lock};
        if (lock.owns_lock()) {
            status_ = s; // assignment into what is there: allocates only when something grew
            at_ = at;
        }
        return lock.owns_lock();
    }

    /// The last one, with its durations carried on to now.
    [[nodiscard]] node_status read() const {
        std::unique_lock lock{mutex_};
        auto out = status_;
        auto const at = at_;
        lock.unlock();
        auto const age = std::chrono::duration_cast<milliseconds>(clock::now() - at);
        out.in_state += age;
        out.peer_silence += out.peer_known ? age : milliseconds{0};
        for (auto& l : out.links) {
            l.silence += age;
        }
        return out;
    }

private:
    mutable std::mutex mutex_;
    node_status status_;
    clock::time_point at_ = clock::now();
};

} // namespace cluster::net
