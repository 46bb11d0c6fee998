// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace balance::layer7 {

/// Decides when events may gather before a loop asks for them, as network cards do with interrupts.
///
/// A loop that is faster than its clients and servers is woken for each event alone, and to be woken costs more than to
/// relay. So while many come, of many connections, which one clock tick shows, it sleeps for a moment whenever it has found but a few.
/// When few come, none waits. Nor when few connections are busy, however fast: each waits for its answer before it goes on, so that
/// nothing gathers but their waiting.
class coalescing {
public:
    using clock = std::chrono::steady_clock;

    static constexpr std::size_t many = 30;   ///< events in a millisecond
    static constexpr std::size_t enough = 16; ///< events in a batch, which need no rest
    static constexpr std::size_t crowd = 48;  ///< descriptors with events in a window: 24 relayed connections
    static constexpr std::chrono::milliseconds window{4};

    /// An event of a descriptor, which keeps `last` for us, at first 0.
    void hear(std::uint32_t& last) noexcept {
        heard_ += last != window_number_ ? 1 : 0;
        last = window_number_;
    }

    /// `count` events were found, at `now`, which may be a coarse clock's. True: let the next ones gather.
    [[nodiscard]] bool rest_after(std::size_t count, clock::time_point now) noexcept {
        seen_ += count;
        if (auto const length = now - since_; length >= window) {
            auto const ticks = static_cast<std::size_t>(std::chrono::duration_cast<std::chrono::milliseconds>(length).count());
            busy_ = seen_ >= many * ticks && heard_ >= crowd;
            seen_ = heard_ = 0;
            since_ = now;
            ++window_number_;
        }
        return busy_ && count < enough;
    }

private:
    clock::time_point since_{};
    std::size_t seen_ = 0;
    std::size_t heard_ = 0;
    std::uint32_t window_number_ = 1;
    bool busy_ = false;
};

} // namespace balance::layer7
