// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/key.hpp>
#include <cluster/types.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cluster {

/// One path between the nodes: UDP from `local` to `peer`, both with port `port`.
struct link_settings {
    std::string name;
    std::string interface;
    address local;
    address peer;
    std::uint16_t port = 6694;

    bool operator==(link_settings const&) const = default;
};

/// An address that only the active node has, put on `interface` as /32 or /128.
struct floating_address {
    cluster::address address;
    std::string interface;

    bool operator==(floating_address const&) const = default;
    std::strong_ordering operator<=>(floating_address const&) const = default;
};

struct node_settings {
    node_id self = node_id::none; ///< `none`: a single node without a peer
    std::string name;
    cluster::timing timing;
    std::vector<link_settings> links;
    std::optional<cluster::key> key; ///< needed when there are links
    std::optional<cluster::key> other_key{}; ///< accepted as well, while one replaces the other
    std::vector<floating_address> floating;
    std::vector<address> ping_nodes; ///< pinged once a second, and as often as heartbeats while the peer is silent
    cluster::epoch epoch;            ///< last one known before the start
    bool maintenance = false;        ///< as left before the start
    std::chrono::seconds address_lifetime{
        2}; ///< the kernel drops the addresses when they were not renewed for so long; 1 to 60
    /// SCHED_FIFO for the node's threads and locked memory, where permitted; what is missing comes as an event.
    /// mlockall covers the whole process.
    bool real_time = true;
    /// For the answer of `on_witness`, after which silence is a no; 0: nobody is asked.
    milliseconds witness_limit{0};
    milliseconds witness_pause{2000}; ///< after a no, before it is asked again
    /// Gratuitous ARP/NA frames per second and interface when addresses came; what is repeated later goes at a tenth of it.
    unsigned announce_rate = 20'000;
    /// Written with CLOCK_MONOTONIC nanoseconds whenever the heartbeat thread is alive, and with 0 when it has stopped
    /// in good order, for a parent that watches it through shared memory; may be null; must outlive the node.
    std::atomic<std::uint64_t>* liveness = nullptr;
};

/// Why a node cannot serve, or that it can; see `node::set_local_health`.
struct local_fitness {
    bool ready = false;
    bool synchronised = false;
};

struct link_status {
    std::string name;
    bool usable = false;     ///< interface has carrier and the local address
    bool alive = false;      ///< heard within deadtime
    bool peer_hears = false; ///< the peer says it hears us on this link; alive and not peer_hears: one-way
    milliseconds silence{0};
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    std::uint64_t lost = 0;     ///< gaps in the peer's numbering
    std::uint64_t rejected = 0; ///< forged, replayed, reflected, truncated and the like
};

struct node_status {
    node_id self = node_id::none;
    std::string name;
    std::string peer_name; ///< empty before it was heard
    node_state state = node_state::listening;
    milliseconds in_state{0};
    cluster::epoch epoch;
    bool maintenance = false;
    bool peer_known = false;
    bool peer_alive = false;
    node_report peer;
    config_version peer_config;
    sha256 peer_config_hash{};
    std::uint64_t peer_key = 0; ///< fingerprint of the key of the peer's newest heartbeat; 0: none since keys were set
    milliseconds peer_silence{0};
    std::vector<link_status> links;
    std::vector<floating_address> held; ///< floating IPs that are on this node now
    bool service_ok = false;
    std::uint8_t pings_answering = 0;
    std::uint8_t pings_configured = 0;
    /// Moves that nobody planned, as this node counted them within timing::flap_window.
    unsigned unplanned_moves = 0;
    bool unsteady = false;     ///< there were too many, as this node or its peer counts: failback waits
    milliseconds steady_in{0}; ///< then: until this node's own count lets failback go on; 0: it is the peer's that does not
    bool held_back = false;    ///< the peer is silent, and timing::no_takeover_without_ping keeps this node from replacing it
};

/// Something that happened, for logs and hooks.
struct node_event {
    /// "state", "peer", "link", "address", "conflict", "stall", "maintenance", "flapping", "isolation", "witness", "error"
    std::string kind;
    std::string text; ///< one sentence
    node_state state = node_state::listening;
    cluster::epoch epoch;
    bool important = false;
    bool maintenance = false;
    bool service_ok = false; ///< the interfaces of the floating IPs have carrier
    node_state from{};       ///< of "state": the one before
    std::string reason{};    ///< of "state": why, as in `text`
};

/// How the floating IPs come to this node or leave it.
enum class address_move : std::uint8_t {
    received, ///< a living peer has given them
    claimed,  ///< nobody has given them: the peer is dead, or there is none
    given,    ///< a living peer is to have them
    dropped   ///< for any other reason
};

/// A datagram sealed in advance for someone else to send.
struct sealed_datagram {
    endpoint local;
    endpoint peer;
    std::string interface;
    std::vector<std::uint8_t> bytes;
};

/// One node of a pair: heartbeats, the decision who is active, the floating IPs and their announcement.
///
/// Owns two threads (real-time where permitted): one puts the addresses on and takes them off; on the other, the
/// heartbeat thread, everything else happens and callbacks are called, which must not block. All other calls from any
/// thread. Needs CAP_NET_ADMIN and CAP_NET_RAW.
class [[gnu::visibility("default")]] node {
public:
    explicit node(node_settings s);
    ~node(); ///< stops at once without hand-over; the addresses are taken off
    node(node &&) noexcept;
    node& operator=(node&&) noexcept;

    /// Callbacks are set before `start`.
    void on_event(std::function<void(node_event const&)> callback);
    /// Called when epoch or maintenance must be kept over a restart.
    void on_persist(std::function<void(epoch, bool maintenance)> callback);

    /// Called on the thread that changes addresses, right before they are all put on or taken off, which waits for it:
    /// what must be ready when the first packets come elsewhere is done here, in little time.
    void on_move(std::function<void(address_move)> callback);

    /// Called when floating IPs came onto this node or left it, with all that are on it now.
    void on_held(std::function<void(std::vector<floating_address> const&)> callback);

    /// Asked before this node takes the addresses of a peer that is silent: may it? Called on the heartbeat thread; `answer`
    /// may be called from any thread while the node lives, once. `epoch` is the greatest known, the peer's if it had the
    /// addresses: what a fence has to keep out.
    void on_witness(std::function<void(epoch, std::function<void(bool granted)> answer)> callback);

    /// Opens sockets and starts the thread. Errors: `already_exists` (port taken), `not_permitted`, `not_found` (no
    /// link's interface exists), `invalid_configuration`; each with the remedy. Links that can't be used yet (an
    /// address that isn't on, an interface that is missing while another link's is there) are no error: they come up
    /// later by themselves.
    result<> start();

    [[nodiscard]] node_status status() const;

    using answer = std::function<void(result<>)>;
    /// Become active / give the addresses to the peer. The answer comes on the node's thread, within 5 s.
    void take_over(answer done);
    void hand_over(answer done);
    void set_maintenance(bool on, answer done);

    /// Could this node serve at once? Nothing is taken before the first call says `ready`.
    void set_local_health(local_fitness f);
    /// What heartbeats say of the configuration.
    void set_config(config_version v, sha256 const& hash);
    /// Replaces the set of floating IPs; an active node puts on and takes off the difference only.
    void set_floating(std::vector<floating_address> addresses);

    /// Gives the memory that the process has freed back to the kernel, which keeps what is locked. A node with real-time
    /// threads unlocks the process's memory for as long as that takes, some milliseconds. For after large work.
    void give_back_memory();

    /// Replaces the keys. The peer must accept `k.sending`; what it heard of this node goes on. The answer comes on the
    /// node's thread once they are in force, or at once from a node that does not run; `sealed_goodbyes` has them already.
    void set_keys(key_pair const& k, answer done);

    /// Goodbyes for a parent to send should this process die, sealed with each of the keys; valid until `set_keys` leaves a key out.
    [[nodiscard]] std::vector<sealed_datagram> sealed_goodbyes() const;

    /// Hands over if there is someone to hand over to, takes the addresses off, says goodbye, ends the thread; at most
    /// 2 s. A node that has left can't be started again.
    void leave();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Takes addresses off at once, for a parent whose node died. Addresses that are not there are fine. Blocking netlink.
[[gnu::visibility("default")]] result<> remove_addresses(std::vector<floating_address> const& addresses);
/// Sends sealed datagrams, once each.
[[gnu::visibility("default")]] result<> send_sealed(std::vector<sealed_datagram> const& datagrams);

} // namespace cluster
