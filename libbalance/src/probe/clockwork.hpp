// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/timer_wheel.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>

namespace balance::probe {

/// Drives the times of a checker's checks by one timer of the event loop: what is due together begins together, and thousands
/// of checks a second wake the process a few hundred times. Owned by a shared pointer: whoever is called may drop all others.
class clockwork : public std::enable_shared_from_this<clockwork> {
public:
    using clock = core::timer_wheel::clock;
    using entry = core::timer_wheel::entry;

    explicit clockwork(boost::asio::any_io_executor const& executor) : wheel_(clock::now()), timer_(executor) {}

    void set(entry& e, clock::time_point when);
    static void take_back(entry& e) noexcept { core::timer_wheel::take_back(e); }
    /// Nothing is set any more: no timer keeps the event loop waiting.
    void rest();

private:
    void wake_at(clock::time_point when);
    void advance();
    void wake_for_next(clock::time_point now);

    core::timer_wheel wheel_;
    boost::asio::steady_timer timer_;
    clock::time_point wakes_ = clock::time_point::max();
    bool advancing_ = false;
};

} // namespace balance::probe
