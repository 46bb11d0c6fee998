// SPDX-License-Identifier: Apache-2.0
// The durations that follow from the configured ones: docs/FAILOVER.md, "Timing".
#pragma once

#include <cluster/types.hpp>

#include <algorithm>
#include <chrono>

namespace cluster::failover {

struct limits {
    std::chrono::microseconds resend; ///< between heartbeats while the peer is asked for something
    milliseconds settle;              ///< listening before a claim after having been deaf or cut off
    milliseconds offer;               ///< how long a peer may take to accept the addresses
    milliseconds pause;    ///< from withdrawing an offer to claiming oneself: longer than the peer may believe in it
    milliseconds inferior; ///< a worse ping score must last for so long

    static constexpr milliseconds stop{1000};         ///< at most waited for the peer when leaving
    static constexpr milliseconds request{4500};      ///< an operator is answered after at most this
    static constexpr milliseconds release_retry{200}; ///< after a failed release
    static constexpr milliseconds first_backoff{1000};
    static constexpr milliseconds last_backoff{30000};

    static constexpr milliseconds least_ping{20}; ///< between questions to ping nodes while the peer is silent
    static constexpr milliseconds most_ping{1000};
    static constexpr milliseconds witness_counts{10000}; ///< what it granted, when the addresses cannot be taken at once

    explicit constexpr limits(timing const& t) noexcept
        : resend(std::max<std::chrono::microseconds>(std::chrono::microseconds(t.keepalive) / 4, milliseconds(1))),
          settle(2 * t.keepalive),
          offer(std::min(std::max({10 * t.keepalive, milliseconds(300), t.deadtime + 2 * t.keepalive}),
                         milliseconds(3500))),
          pause(2 * t.deadtime), inferior(std::max(t.deadtime, milliseconds(1000))) {}
};

} // namespace cluster::failover
