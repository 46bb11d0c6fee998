// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/intrusive/list.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

namespace balance::core {

/// Calls many things at their times, in steps of a tick: setting a time, moving it and taking it back cost the same however
/// many there are, and allocate nothing. What comes late, because the processor was busy elsewhere, is caught up at about
/// twice the pace and not in one go; the later it is, the faster. One thread; the time is handed in.
class timer_wheel {
public:
    using clock = std::chrono::steady_clock;

    static constexpr std::chrono::milliseconds tick{2};

    /// What is called. Its end takes the time back.
    class entry : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    public:
        virtual void on_time() = 0;

    protected:
        virtual ~entry() = default;

    private:
        friend class timer_wheel;
        std::uint64_t tick_ = 0;
    };

    explicit timer_wheel(clock::time_point now) noexcept : hand_(tick_of(now)), present_(hand_) { soonest_.fill(never); }

    /// Calls `e` once, with the first tick that does not come before `when`, and never from within; a time that was set
    /// before is forgotten. Returns that tick's time.
    clock::time_point set(entry& e, clock::time_point when) noexcept;
    static void take_back(entry& e) noexcept { e.unlink(); }

    /// Calls whom it is time for, who may set times and take them back, their own and others'. Whoever is kept back, because
    /// many are late or one before threw an exception, is called by the next of these.
    void advance(clock::time_point now);

    /// When to advance again, which may be in the past; none: nothing is set. Too early where a time was taken back.
    [[nodiscard]] std::optional<clock::time_point> next() const noexcept;

private:
    using entries = boost::intrusive::list<entry, boost::intrusive::constant_time_size<false>>;

    static constexpr std::size_t slots = 2048; ///< one turn of the wheel is 4 s; what is due later waits in its slot for its turn
    static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

    /// The last tick that does not come after it.
    static std::uint64_t tick_of(clock::time_point when) noexcept;
    static clock::time_point time_of(std::uint64_t at) noexcept { return clock::time_point(at * tick); }
    void put(entry& e) noexcept;
    /// The soonest of all; `never`: nothing is set.
    [[nodiscard]] std::uint64_t next_tick() const noexcept;
    void call_slot();

    std::array<entries, slots> slots_;
    std::array<std::uint64_t, slots> soonest_; ///< of each slot's entries, or sooner
    std::uint64_t hand_;    ///< the tick that was called last; whatever is set comes after it
    std::uint64_t present_; ///< when it was advanced last
};

} // namespace balance::core
