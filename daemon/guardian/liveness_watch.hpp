// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace dyad {

/// Decides from the word that the heartbeat thread writes whether the cluster process still lives. Pure.
///
/// A stall of the whole machine, or of the guardian alone, must not be taken for the child's: a check that comes late
/// decides nothing, the next one does.
class liveness_watch {
public:
    using nanoseconds = std::chrono::nanoseconds;

    /// A busy machine, or a host that lends its processors, keeps a thread waiting for that long now and then. To kill it
    /// costs the clients far more than to wait; and a thread that slept longer than deadtime releases its addresses itself.
    static constexpr std::chrono::milliseconds shortest_patience{100};

    /// Begins to watch, or watches by another measure.
    void set_deadtime(std::chrono::milliseconds deadtime) noexcept;
    /// A new process: not watched until it says its deadtime.
    void forget() noexcept { *this = {}; }

    [[nodiscard]] bool watching() const noexcept { return deadtime_ > nanoseconds{0}; }
    /// From one check to the next: a tenth of the deadtime, at least 1 ms.
    [[nodiscard]] nanoseconds interval() const noexcept;

    /// One check. `word` is CLOCK_MONOTONIC nanoseconds as last written, 0: the thread has not begun or has
    /// ended in good order. True when it is older than 0.6 deadtimes, at least `shortest_patience`.
    [[nodiscard]] bool stalled(nanoseconds now, std::uint64_t word) noexcept;

private:
    nanoseconds deadtime_{0};
    std::optional<nanoseconds> last_check_;
};

} // namespace dyad
