// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "event_queue.hpp"
#include "random.hpp"

#include <cluster/types.hpp>

namespace sim {

/// What does not change during a run: how the pair is configured and what its surroundings are like.
struct conditions {
    cluster::timing timing;
    std::size_t links = 2;
    std::uint8_t pings = 0; ///< ping nodes configured
    instant ping_time = 0;  ///< from a question to its answer
    instant delay = ms / 5; ///< of a datagram on a good day
    instant jitter = 0;     ///< at most added to it
    instant lateness = 0;   ///< at most, of a timer on a healthy node
    instant effect_least = ms / 2;
    instant effect_most = ms / 2;
    instant preparation = 5 * ms; ///< from the start of a process until it is ready to serve
    instant lifetime = 2000 * ms; ///< of addresses that are not renewed
    bool isolating = false;       ///< what parts the nodes takes the ping nodes from one of them
    bool witness = false;         ///< is asked before a silent peer is replaced

    [[nodiscard]] instant keepalive() const noexcept { return timing.keepalive.count() * ms; }
    [[nodiscard]] instant deadtime() const noexcept { return timing.deadtime.count() * ms; }
    [[nodiscard]] instant initdead() const noexcept { return timing.initdead.count() * ms; }
};

/// Those of a seed: the default timing, the fastest supported one, or something around.
inline conditions conditions_of(random& dice) {
    using std::chrono::milliseconds;
    conditions c;
    auto const set = [&c](int keepalive, int warntime, int deadtime, int initdead, int hold) {
        c.timing = {
            milliseconds(keepalive), milliseconds(warntime), milliseconds(deadtime), milliseconds(initdead), false,
            milliseconds(hold)};
    };
    auto const profile = dice.between(0, 39);
    if (profile < 4)
        set(5, 12, 20, 500, 2000);
    else if (profile == 4)
        set(1, 2, 3, 100, 1000);
    else if (profile < 12)
        set(50, 100, 200, 2000, 3000);
    else if (profile < 16)
        set(250, 500, 1000, 3000, 4000);
    else if (profile == 16)
        set(1000, 2500, 4000, 8000, 9000);
    else
        set(100, 250, 500, 5000, 3000);
    c.timing.auto_failback = dice.chance(300'000);
    c.links = static_cast<std::size_t>(dice.between(1, 3));
    c.pings = dice.chance(500'000) ? static_cast<std::uint8_t>(dice.between(1, 3)) : std::uint8_t{0};
    c.delay = dice.between(ms / 20, c.keepalive() / 10);
    c.jitter = dice.between(0, c.keepalive() / 10);
    c.lateness = dice.between(0, c.keepalive() / 20);
    c.effect_least = ms / 20;
    // Mostly quick; where it takes long, more can happen while it does.
    c.effect_most = dice.chance(750'000) ? dice.spread(ms / 10, 20 * ms) : dice.spread(100 * ms, 800 * ms);
    c.preparation = dice.spread(5 * ms, 1000 * ms);
    // What follows is drawn from a copy: the faults of a seed are the same with and without damping.
    random aside = dice;
    c.timing.flap_limit = aside.chance(500'000) ? static_cast<unsigned>(aside.between(1, 4)) : 0u;
    // With failback it must come in time to be seen; else the last take-over finds nodes that were unsteady all along.
    c.timing.flap_window = milliseconds(c.timing.auto_failback ? aside.between(500, 6000) : 3'600'000);
    c.timing.no_takeover_without_ping = c.pings > 0 && aside.chance(600'000);
    c.witness = aside.chance(250'000);
    // An answer to what is asked at warntime is there before deadtime.
    c.ping_time = aside.between(ms / 20, (c.timing.deadtime - c.timing.warntime).count() * ms * 4 / 5);
    c.isolating = c.pings > 0 && aside.chance(800'000);
    return c;
}

} // namespace sim
