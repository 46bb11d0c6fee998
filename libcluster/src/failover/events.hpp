// SPDX-License-Identifier: Apache-2.0
// What the outside world can tell the failover machine, and what the machine can ask of it. Values only: the driver
// (src/net) turns packets, netlink messages and operators' commands into events, and actions into I/O.
#pragma once

#include <cluster/types.hpp>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace cluster::failover {

using time_point = std::chrono::steady_clock::time_point;

/// Why a request of an operator or of the peer was not granted.
enum class refusal : std::uint8_t {
    none,
    not_active,     ///< hand-over asked of a node that owns nothing
    already_active, ///< take-over asked of the owner
    in_maintenance, ///< the node that should take over is in maintenance
    peer_silent,    ///< there is no peer to hand over to
    peer_not_ready, ///< the peer cannot serve
    service_down,   ///< the interfaces of the taker have no carrier
    in_transition,  ///< another change of ownership is under way
    not_listened,   ///< just started or woken: ask again when it has listened
    timed_out,      ///< no answer within the limit
    not_ready,      ///< this node, which should take over, cannot serve
    effect_failed,  ///< the addresses could not be put on
    leaving         ///< this node is being stopped
};

/// One sentence for an operator, with the remedy.
std::string_view to_string(refusal r) noexcept;

// ---- events ----

/// A heartbeat of the peer's present, believed session came in on a link.
struct heartbeat_received {
    std::size_t link = 0;
    node_report report;
    /// The number its sender's session gave the datagram: the greater, the later it was sent, whatever link it took. A
    /// report that is older than one already heard proves that the link lives and nothing else. 0: unknown, taken as
    /// newest.
    std::uint64_t sequence = 0;
};
/// The peer started anew (a new session was believed): what it said before is void.
struct peer_restarted {};
/// The peer said that it leaves; its addresses are off.
struct goodbye_received {};
/// A heartbeat link's interface lost or got carrier, or its local address went or came.
struct link_changed {
    std::size_t link = 0;
    bool usable = false;
};
/// How fit this node is to serve; sent at each change.
struct local_health {
    bool ready = false;
    bool service_ok = false;
    bool synchronised = false;
    std::uint8_t pings_answering = 0;
    std::uint8_t pings_configured = 0;
};
/// The effect asked for by `acquire_addresses` or `release_addresses` is done, or has failed. Effects are carried out
/// and answered in the order of their actions, each once. A release that failed is asked for again.
struct addresses_acquired {
    bool ok = false;
};
struct addresses_released {
    bool ok = false;
};
enum class request : std::uint8_t { takeover, handover, maintenance_on, maintenance_off, stop };
/// An operator wants something; the answer comes as `answer_request` with the same id.
struct operator_request {
    failover::request what = request::takeover;
    std::uint32_t id = 0;
};
/// A ping node has answered what was asked at `asked`: by `ask_ping_nodes`, or by the driver for `local_health`.
struct ping_node_answered {
    time_point asked;
};
/// The witness has answered `ask_witness` with that number: the addresses may be taken, or not.
struct witness_answered {
    std::uint32_t number = 0;
    bool granted = false;
};
/// `deadline()` has come. Whatever had arrived before was delivered first: only this event makes the machine believe in
/// silence or act on the passing of time.
struct timer_expired {};

using event = std::variant<heartbeat_received, peer_restarted, goodbye_received, link_changed, local_health,
                           addresses_acquired, addresses_released, operator_request, ping_node_answered, witness_answered, timer_expired>;

// ---- actions ----

/// Send this on every link now.
struct send_heartbeat {
    node_report report;
};
/// Put the floating IPs on (no DAD, limited lifetime); answer with `addresses_acquired`.
struct acquire_addresses {
    cluster::epoch epoch;
    bool planned = false; ///< a living peer that clients still reach has given them
};
/// Renew the lifetime of the floating IPs. Asked for only while the node is active and awake.
struct refresh_addresses {};
/// Take the floating IPs off; answer with `addresses_released`.
struct release_addresses {
    bool planned = false; ///< for a living peer that is to have them
};
/// Start the announcement schedule (gratuitous ARP, unsolicited NA) from its beginning.
struct announce_addresses {};
/// Send the goodbye and close the session; the last action of a machine.
struct send_goodbye {};
/// Keep these over a restart.
struct persist {
    cluster::epoch epoch;
    bool maintenance = false;
};
/// Ask every ping node now; each answer is a `ping_node_answered`, at once.
struct ask_ping_nodes {};
/// Ask the witness, or the fence, whether this node may take the addresses of a silent peer; answer with `witness_answered`.
struct ask_witness {
    std::uint32_t number = 0;
    cluster::epoch epoch; ///< the greatest known: the one to fence
};
struct answer_request {
    std::uint32_t id = 0;
    refusal reason = refusal::none; ///< none: done
};
/// For the log, `dyad events` and notify hooks.
struct notify {
    enum class kind : std::uint8_t {
        state_changed, ///< `from` -> `to`
        peer_alive,
        peer_late, ///< silent for warntime
        peer_dead,
        link_up,
        link_down,
        dual_active, ///< both owned the addresses; the text says who yields
        was_asleep,  ///< this node did not run for longer than deadtime
        maintenance,
        unsteady, ///< the addresses moved unplanned too often: failback waits
        steady,   ///< it waits no longer
        held_back, ///< the peer is silent, but this node may be the one that is cut off: it takes nothing
        witness_asked,  ///< the peer is silent: the witness decides
        witness_refused ///< it said no, or nothing in time: it is asked again
    };
    kind what = kind::state_changed;
    node_state from = node_state::listening;
    node_state to = node_state::listening;
    cluster::epoch epoch;
    std::size_t link = 0;
    char const* reason = ""; ///< static text: why
};

using action = std::variant<send_heartbeat, acquire_addresses, refresh_addresses, release_addresses, announce_addresses,
                            send_goodbye, persist, ask_ping_nodes, ask_witness, answer_request, notify>;

} // namespace cluster::failover
