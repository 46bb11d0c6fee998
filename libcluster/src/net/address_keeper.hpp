// SPDX-License-Identifier: Apache-2.0
// The only component that touches the kernel's addresses. It has a thread of its own, because the kernel's
// configuration lock may be held by somebody else for a while, and heartbeats must not wait for that.
#pragma once

#include "net/address_channel.hpp"
#include "net/boot_clock.hpp"
#include "net/mailbox.hpp"
#include "net/network_monitor.hpp"
#include "wire/rate_limit.hpp"

#include <cluster/node.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace cluster::net {

/// A floating IP that is on this node, with what its announcement needs.
struct held_address {
    floating_address floating;
    unsigned interface = 0;
    mac_address mac{};
    bool ethernet = false; ///< false: nobody to announce it to
    bool router = false;   ///< IPv6 forwarding is on there

    bool operator==(held_address const&) const = default;
};

/// What the keeper tells the heartbeat thread.
namespace kept {
/// The order is carried out.
struct acquired {
    bool ok = false;
};
struct released {
    bool ok = false;
};
/// A heartbeat link's interface or local address came or went.
struct link {
    std::size_t index = 0;
    bool usable = false;
    unsigned interface = 0;
};
/// Do all interfaces of the floating IPs have carrier?
struct service {
    bool ok = false;
};
/// What is on this node now. An interface that came up again is in `restarted`: announce there anew.
struct held {
    std::vector<held_address> addresses;
    std::vector<unsigned> restarted;
};
/// For the log.
struct notice {
    std::string kind;
    std::string text;
    bool important = false;
};
} // namespace kept
using keeper_report = std::variant<kept::acquired, kept::released, kept::link, kept::service, kept::held, kept::notice>;

/// Puts the floating IPs on and takes them off as ordered, puts back what somebody else removed, and watches
/// interfaces.
class address_keeper {
public:
    struct settings {
        std::vector<link_settings> links;
        std::chrono::seconds lifetime{2};
        /// For how long after `acquire` or `refresh` it may put an address back of its own accord: beyond it the node
        /// may have been asleep, and somebody else may own them.
        std::chrono::milliseconds authority{1000};
        bool real_time = false;
    };

    address_keeper(settings s, mailbox<keeper_report>& reports);
    ~address_keeper();

    /// Reads the network's state, removes addresses of `floating` that were left over, and starts the thread. The first
    /// reports are in the mailbox when it returns. `moves`: as in `node::on_move`; may be empty.
    result<> start(std::vector<floating_address> floating, std::function<void(address_move)> moves = {});
    /// Takes the addresses off and ends the thread.
    void stop();

    // Orders, carried out one after the other.
    void acquire(bool planned = false) { orders_.post({order::kind::acquire, clock::now(), {}, planned}); }
    void refresh() { orders_.post({order::kind::refresh, clock::now(), {}}); }
    void release(bool planned = false) { orders_.post({order::kind::release, clock::now(), {}, planned}); }
    void set_floating(std::vector<floating_address> f) {
        orders_.post({order::kind::set_floating, clock::now(), std::move(f)});
    }

private:
    using clock = boot_clock;
    struct order {
        enum class kind : std::uint8_t { acquire, refresh, release, set_floating, stop };
        kind what = kind::refresh;
        clock::time_point given;
        std::vector<floating_address> floating;
        bool planned = false;
    };
    struct entry {
        floating_address floating;
        std::optional<placed_address> place; ///< absent while its interface isn't known
        bool faulty = false;                 ///< its fault was reported
        bool placed_once = false;            ///< its interface has been known
        bool seen = false;                   ///< the kernel has told that it is on, since the node took the addresses
    };

    void run();
    void carry_out(order const& o);
    void announce_move(address_move m) const;
    void acquire_now(order const& o);
    void refresh_now(clock::time_point given);
    void release_now(bool planned);
    void replace_floating(std::vector<floating_address> floating);
    void observe();
    void reconcile();
    void resolve(entry& e);
    std::size_t put(std::vector<entry*> const& which);
    bool take_off(std::vector<placed_address> const& which);
    std::vector<entry*> missing();
    std::vector<placed_address> present() const;
    void report_links();
    void report_service();
    void report_held();
    void fault(entry& e, std::string text);
    void tell(keeper_report r) { reports_.post(std::move(r)); }

    settings settings_;
    mailbox<keeper_report>& reports_;
    mailbox<order> orders_;
    std::optional<address_channel> channel_;
    std::optional<network_monitor> monitor_;
    std::vector<entry> entries_;
    std::function<void(address_move)> moves_;
    bool holding_ = false; ///< the addresses are wanted on this node
    clock::time_point authorised_{};
    wire::rate_limit put_backs_;
    std::vector<std::optional<kept::link>> links_;
    std::optional<bool> service_;
    std::vector<held_address> held_;
    std::vector<unsigned> running_; ///< interfaces of floating IPs with carrier at the last look
    std::uint64_t seen_ = 0;        ///< version of the view that was acted upon
    bool stopping_ = false;
    std::thread thread_;
};

} // namespace cluster::net
