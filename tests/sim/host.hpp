// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "event_queue.hpp"
#include "failover/machine.hpp"
#include "pings.hpp"

#include <optional>
#include <vector>

namespace sim {

/// The floating IPs in a node's kernel: on until they are taken off or their lifetime ends.
struct kernel_addresses {
    bool on = false;
    instant expires = 0;

    [[nodiscard]] bool present(instant now) const noexcept { return on && now < expires; }
};

/// What the wire layer of a process remembers of the peer's sessions.
struct session_memory {
    std::uint32_t believed = 0; ///< 0: none
    std::uint32_t retired = 0;  ///< this one and all before count for nothing
    std::uint64_t highest = 0;
    std::uint64_t window = 0; ///< bit i: `highest - i` was seen

    /// False for a datagram that was seen or is too old.
    bool fresh(std::uint64_t sequence) noexcept {
        if (sequence > highest) {
            std::uint64_t const ahead = sequence - highest;
            window = ahead < 64 ? (window << ahead) | 1U : 1U;
            highest = sequence;
            return true;
        }
        std::uint64_t const behind = highest - sequence;
        if (behind >= 64 || ((window >> behind) & 1U) != 0)
            return false;
        window |= std::uint64_t{1} << behind;
        return true;
    }
};

/// One node: its process with the machine, its kernel, its disk, its operator's wishes.
struct host {
    enum class process_state : std::uint8_t { running, stalled, dead };

    std::optional<cluster::failover::machine> machine;
    process_state process = process_state::dead;
    std::uint16_t incarnation = 0; ///< of the process
    std::uint32_t session = 0;
    std::uint64_t sequence = 0;
    session_memory peer;
    instant started = 0;
    instant stalled_at = 0;
    instant timer_at = -1;           ///< when the queue will look at the deadline; -1: never
    std::uint32_t timer_version = 0; ///< of the entry in the queue that counts
    std::vector<occurrence> inbox;   ///< arrived while the process did not run

    kernel_addresses addresses;
    instant effects_busy_until = 0;
    instant patience = 0; ///< until when the machine may refuse to try again after failures
    int failures = 0;     ///< to put addresses on, in a row

    struct kept {
        cluster::epoch epoch;
        bool maintenance = false;
    };
    kept disk;
    kept disk_before; ///< what is left if the last write was lost

    // Its surroundings; counters, since faults overlap.
    int service_down = 0;
    int not_ready = 0;
    ping_nodes pings;
    int acquire_fails = 0;
    int release_fails = 0;
    int slow_effects = 0;
    bool prepared = false;    ///< the process has programmed its services since it started
    bool lost_writes = false; ///< the next crash takes the last write with it
};

} // namespace sim
