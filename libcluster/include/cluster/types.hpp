// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cluster {

using balance::address;
using balance::endpoint;
using balance::error;
using balance::result;
using std::chrono::milliseconds;

/// Identity of a node within its pair: the role it was given. Unlike a state it never changes by itself.
enum class node_id : std::uint8_t { none = 0, primary = 1, secondary = 2 };

[[nodiscard]] constexpr node_id peer_of(node_id id) noexcept {
    return id == node_id::primary ? node_id::secondary : id == node_id::secondary ? node_id::primary : node_id::none;
}

/// Numbers the ownership of the floating IPs: a new one for every take-over. It only grows; in a partition both nodes
/// may count up, so the node's id makes it unique, and the greater one wins when they meet again.
struct epoch {
    std::uint64_t counter = 0;
    node_id owner = node_id::none;

    auto operator<=>(epoch const&) const = default;
};

/// What a node does about the floating IPs. docs/FAILOVER.md has the table of transitions.
enum class node_state : std::uint8_t {
    listening, ///< just started, or was asleep: claims nothing until it has listened
    passive,   ///< the peer owns the addresses, or nobody yet
    acquiring, ///< the addresses are being put on
    active,    ///< owns the addresses
    releasing, ///< the addresses are being taken off
    stopped    ///< has left for good
};

[[gnu::visibility("default")]] std::string_view to_string(node_id id) noexcept;
[[gnu::visibility("default")]] std::string_view to_string(node_state s) noexcept;

/// When a peer counts as late and as dead. Ranges: keepalive 1 ms to 10 s; warntime > keepalive; deadtime > 2 keepalive
/// and
/// >= warntime; initdead >= deadtime.
struct timing {
    milliseconds keepalive{100};       ///< between heartbeats on each link
    milliseconds warntime{250};        ///< silence that is reported
    milliseconds deadtime{500};        ///< silence on every link after which the peer is dead
    milliseconds initdead{5000};       ///< the same for a peer that was never heard since the start
    bool auto_failback = false;        ///< the primary takes the addresses back once it is well again
    milliseconds failback_hold{30000}; ///< for how long it must have been well
    /// So many unplanned moves within `flap_window` make failback, and moves for a better ping score, wait; at most 20,
    /// 0: they never wait. A take-over from a dead peer never does.
    unsigned flap_limit = 3;
    milliseconds flap_window{3'600'000};
    /// A silent peer is not replaced by a node that none of its ping nodes answers. An operator's take-over is.
    bool no_takeover_without_ping = false;

    bool operator==(timing const&) const = default;
};

/// The configuration's version: a generation per apply, a new term per promotion.
struct config_version {
    std::uint32_t term = 0;
    std::uint64_t generation = 0;

    auto operator<=>(config_version const&) const = default;
};

using sha256 = std::array<std::uint8_t, 32>;

/// What a node says of itself in every heartbeat, beside what belongs to the link it is sent on.
struct node_report {
    cluster::epoch epoch;
    node_state state = node_state::listening;
    bool maintenance = false;  ///< must not become active
    bool ready = false;        ///< services are programmed and listeners bound: could serve at once
    bool service_ok = false;   ///< the interfaces of the floating IPs have carrier
    bool synchronised = false; ///< configuration and tables are the peer's
    std::uint8_t pings_answering = 0;
    std::uint8_t pings_configured = 0;
    /// The sender asks the active peer for the addresses (operator's take-over); numbers the request, 0: none.
    std::uint32_t takeover_request = 0;
    /// Answer to the peer's request of that number; 0: none. `refusal` is empty while it is being granted.
    std::uint32_t takeover_answer = 0;
    std::uint8_t refusal = 0; ///< failover::refusal
    /// The addresses were released for the peer to take: it may acquire with a greater epoch. Cleared when it has.
    bool offered = false;
    bool unsteady = false; ///< the addresses moved unplanned too often: they should stay where they are served

    bool operator==(node_report const&) const = default;
};

} // namespace cluster
