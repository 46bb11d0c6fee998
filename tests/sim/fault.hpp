// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sim {

/// Everything that is done to a pair.
enum class fault : std::uint8_t {
    cut_link,          ///< one link, both ways
    cut_one_way,       ///< one link, one way
    partition,         ///< all links, both ways
    partition_one_way, ///< all links, one way
    lose,              ///< datagrams get lost on a link
    delay,             ///< a link becomes slow
    duplicate,         ///< datagrams come twice
    reorder,           ///< some overtake others
    link_down,         ///< a heartbeat interface without carrier
    short_stall,       ///< the process does not run for less than deadtime
    long_stall,        ///< for longer; nobody else on the node notices
    watched_stall, ///< for longer; the guardian notices, takes the addresses off, says goodbye, restarts the process
    crash,         ///< the process dies, its guardian takes the addresses off and says goodbye
    crash_all,     ///< process and guardian die, the addresses stay for their lifetime
    power_off,     ///< the whole node is gone at once
    lose_writes,   ///< what was written last is not there after the crash
    acquire_fails, ///< putting addresses on fails for a while
    release_fails, ///< taking them off fails for a while
    slow_effects,  ///< either takes long
    service_down,  ///< the service interface has no carrier
    not_ready,     ///< the services are not programmed
    ping_lost,     ///< fewer ping nodes answer
    op_takeover,
    op_handover,
    op_maintenance, ///< on, and off a while later
    op_stop,        ///< started again a while later
    count
};

inline constexpr auto fault_count = static_cast<std::size_t>(fault::count);

inline constexpr std::array<std::string_view, fault_count> fault_names{
    "cut_link",  "cut_one_way", "partition",     "partition_one_way", "lose",          "delay",        "duplicate",
    "reorder",   "link_down",   "short_stall",   "long_stall",        "watched_stall", "crash",        "crash_all",
    "power_off", "lose_writes", "acquire_fails", "release_fails",     "slow_effects",  "service_down", "not_ready",
    "ping_lost", "op_takeover", "op_handover",   "op_maintenance",    "op_stop"};

} // namespace sim
