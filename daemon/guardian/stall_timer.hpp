// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guardian/liveness_watch.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstdint>
#include <functional>

namespace dyad {

/// Looks at the heartbeat thread's word again and again and calls when it stands still.
class stall_timer {
public:
    stall_timer(boost::asio::io_context& io, std::atomic<std::uint64_t> const& word, std::function<void()> stalled);

    /// A new process: nothing to watch until it says its deadtime.
    void forget();
    /// Begins to watch, or watches by another measure.
    void watch(std::chrono::milliseconds deadtime);

private:
    void tick();

    std::atomic<std::uint64_t> const& word_;
    std::function<void()> stalled_;
    liveness_watch watch_;
    boost::asio::steady_timer timer_;
};

} // namespace dyad
