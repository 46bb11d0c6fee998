// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>
#include <balance/status.hpp>

#include <chrono>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace balance {

/// Programs the kernel's IPVS and one nftables table of our own (`inet dyad`) so that they say what a configuration
/// says.
///
/// Acts on the network namespace of the calling thread. Blocking netlink calls, and runs of `nft` where a service has
/// several ports; not thread-safe. Needs CAP_NET_ADMIN.
///
/// Ours in IPVS, and removed by `apply` when it is not configured, is what this object made or found as configured,
/// what is on an address of a configured service, and what has a mark of the reserved range (`first_reserved_mark`).
/// Everything else is somebody else's: it is never touched, and mentioned once among the changes. So no list of ours
/// has to survive a restart: apply the configuration that was in force before, then the next. Destroying the object
/// leaves the kernel's tables as they are.
class [[gnu::visibility("default")]] layer4 {
public:
    layer4();
    ~layer4();
    layer4(layer4 &&) noexcept;
    layer4& operator=(layer4&&) noexcept;

    /// One thing that `apply` did, in the words of the log: "service EA_XDS_Service 10.0.0.1:80/tcp wrr added".
    struct change {
        std::string service; ///< empty when it concerns none alone: a kernel setting, the table of marks
        std::string text;
    };

    /// Makes the kernel match the layer-4 services of `desired` in the given states; idempotent: a second call returns
    /// no changes and writes nothing. What somebody else changed meanwhile is put back, so call it every few seconds
    /// too. `desired.marks` must be allocated (`allocate_marks`). Connections, counters and everything of an unchanged
    /// service are left alone. Also sets the kernel's settings that the services need (`net.ipv4.vs.*`,
    /// `net.ipv4.ip_forward`) and says so. A service that cannot be served, as a whole or in part, does not stop the
    /// others: `status()` explains it. Errors: `not_permitted` without the privilege, `io_error`, `timed_out`,
    /// `protocol_error`; a kernel without IPVS is not an error.
    result<std::vector<change>> apply(configuration const& desired, std::span<server_state const> states);

    /// `apply` of what the last `apply` was given, at less cost: for looking after what others change.
    result<std::vector<change>> apply_again();

    /// From the next `apply` on: are TCP packets in mid-stream that belong to no known connection held (dropped without
    /// an answer, to be sent again) instead of given to a server anew? For a node that is about to take over, and until
    /// the last connections of its predecessor have been told of: a reset in between would end them. False at first.
    void hold_unknown(bool on);

    /// From the next `apply` on: on this interface only the kernel may send (`connection_sync`, whose kernel believes
    /// every datagram). Empty, as at first: none.
    void guard_interface(std::string name);

    /// A snapshot read from the kernel, one entry for every layer-4 service of the last `apply`. The kernel adds up its
    /// counters every two seconds.
    [[nodiscard]] result<std::vector<service_status>> status() const;

    /// Removes every IPVS service and rule that we made, and gives the kernel's settings that this object changed their
    /// former values.
    result<> purge();

    /// Runs the operator's own firewall script and waits for its end, `limit` at most; then, or within 0.1 s of a stop, it
    /// is killed with all of its process group. No shell, no arguments, an environment with PATH alone. Thread-safe.
    /// Errors: `not_found`, `timed_out`, `refused` (stopped), `io_error` with its exit code and the last line of what it said.
    static result<> run_script(std::string const& path, std::chrono::milliseconds limit, std::stop_token stop = {});

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace balance
