// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>

namespace balance {

/// Lets layer-7 connections outlive a planned move of their address: they stay with the node that accepted them.
///
/// Nobody can tell a kernel to go on with another kernel's TCP connection. So the node that has taken the addresses
/// passes on to the previous one what belongs to no connection that began here, and the previous one, which has the
/// addresses no more, goes on answering under them: packets that were sent to it, and no ARP. While this lasts neither
/// resets a connection that it does not know: it may be the other's.
///
/// The packet rules (tables `dyad_taken` and `dyad_given`, run by nft) are loaded ahead and asleep, where they cost
/// nothing; waking them is one message to the kernel. Acts on the network namespace of the calling thread. Needs
/// CAP_NET_ADMIN. What listens must have IP_TRANSPARENT set, or the previous node cannot answer.
class [[gnu::visibility("default")]] daisy_chain {
public:
    struct settings {
        std::set<endpoint> endpoints; ///< where layer-7 services listen
        /// The other node, on a network that both are on; services of a family without one are left alone. A link-local
        /// address will not do.
        std::optional<address> v4;
        std::optional<address> v6;
        std::chrono::seconds grace{30}; ///< how long it lasts after a move; 1 s to 1 h

        bool operator==(settings const&) const = default;
    };
    enum class side : std::uint8_t {
        none,
        taken, ///< this node has the addresses from the other one
        given  ///< this node has given them away
    };

    daisy_chain();
    ~daisy_chain(); ///< what it has loaded goes; blocks while nft runs
    daisy_chain(daisy_chain const&) = delete;
    daisy_chain& operator=(daisy_chain const&) = delete;

    /// Makes the rules for these settings be there, in the state that `wake` has chosen. True when somebody had removed
    /// them, which is looked for when the settings are the last ones; what an earlier process left behind is removed
    /// first. Blocks while nft runs, if it must; one thread at a time. Errors: `not_found` without nft, `not_permitted`,
    /// `not_supported`, `timed_out`, `io_error`; the rules are as before then.
    result<bool> prepare(settings const& s);

    /// Wakes the rules of one side and puts the other's to sleep, as far as rules are loaded. Never may both nodes be
    /// `taken`. From any thread; takes some 100 µs, more while somebody else writes packet rules. Errors: `io_error`.
    result<> wake(side s);

    /// Puts all to sleep when the last `wake` is at least so long ago. Errors: `io_error`.
    result<> rest(std::chrono::milliseconds after = {});

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace balance
