// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipc/descriptor.hpp"

#include <balance/error.hpp>
#include <balance/service.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace dyad {

/// What must be opened and closed to get from one set of sockets to another; both in order. Pure.
struct listener_change {
    std::vector<balance::endpoint> open;
    std::vector<balance::endpoint> close;

    bool operator==(listener_change const&) const = default;
};
listener_change listener_difference(std::set<balance::endpoint> const& held,
                                    std::set<balance::endpoint> const& desired);

/// Opens a TCP socket that listens on `local`, which need not be an address of this machine now (IP_FREEBIND).
/// Errors: `already_exists` (taken), `not_permitted`, `io_error`; each with the remedy.
balance::result<ipc::descriptor> open_listener(balance::endpoint const& local);

/// TCP sockets, not blocking, that may have somebody else's address, which the proxy may not make. As many as there is
/// privilege and room for.
std::vector<ipc::descriptor> open_borrowing_sockets(bool ipv6, std::size_t count);

/// The layer-7 listening sockets. They stay open while the proxy is away: clients wait in their queues.
class listeners {
public:
    struct failure {
        balance::endpoint local;
        std::string error;

        bool operator==(failure const&) const = default;
    };

    /// Makes the set of sockets this one; what stays is not touched. What could not be opened is in `failed()`, and is
    /// tried again by the next call. Returns what was opened and closed.
    listener_change apply(std::set<balance::endpoint> desired);
    /// Tries again what failed.
    listener_change retry() { return apply(desired_); }

    [[nodiscard]] std::map<balance::endpoint, ipc::descriptor> const& held() const noexcept { return held_; }
    [[nodiscard]] std::vector<failure> const& failed() const noexcept { return failed_; }

private:
    std::set<balance::endpoint> desired_;
    std::map<balance::endpoint, ipc::descriptor> held_;
    std::vector<failure> failed_;
};

} // namespace dyad
