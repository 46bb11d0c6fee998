// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

namespace balance::layer7 {

/// Decides when events may gather before a loop asks for them, as network cards do with interrupts.
///
/// A loop that is faster than its clients and servers is woken for each event alone, and to be woken costs more than to
/// relay. So while many come, which one clock tick shows, it sleeps for a moment whenever it has found but a few. When few
/// come, none waits.
class coalescing {
public:
    using clock = std::chrono::steady_clock;

    static constexpr std::size_t many = 30;   ///< events in a millisecond
    static constexpr std::size_t enough = 16; ///< events in a batch, which need no rest
    static constexpr std::chrono::milliseconds window{4};

    /// `count` events were handled, at `now`, which may be a coarse clock's. True: let the next ones gather.
    [[nodiscard]] bool rest_after(std::size_t count, clock::time_point now) noexcept {
        seen_ += count;
        if (auto const length = now - since_; length >= window) {
            busy_ = seen_ >= many * static_cast<std::size_t>(std::chrono::duration_cast<std::chrono::milliseconds>(length).count());
            seen_ = 0;
            since_ = now;
        }
        return busy_ && count < enough;
    }

private:
    clock::time_point since_{};
    std::size_t seen_ = 0;
    bool busy_ = false;
};

} // namespace balance::layer7
