// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace balance {

/// One thing that was looked at, and what came of it.
struct finding {
    enum class grade : std::uint8_t {
        fine,
        untested, ///< it could not be looked at; the text says why
        warning,  ///< it works, or may, and something is better changed
        fault     ///< clients are not served as configured
    };

    finding::grade is = grade::fine;
    std::string service; ///< empty: it concerns the machine
    std::string server;  ///< empty: it concerns the service as a whole
    std::string text;    ///< what was seen, one sentence
    std::string remedy;  ///< what to do about it; empty when there is nothing to do

    bool operator==(finding const&) const = default;
};

/// "fine", "untested", "warning", "fault".
[[gnu::visibility("default")]] std::string_view to_string(finding::grade g) noexcept;

/// A finding of what an error says of a service, or of the machine: the remedy is what stands behind its first "; ".
[[gnu::visibility("default")]] finding make_finding(finding::grade g, std::string service, std::string sentence);

/// Does it matter to who asks about this service alone? Beside what is said of the service, that is what is said of the
/// machine and is not fine. With an empty name everything does.
[[gnu::visibility("default")]] bool concerns(finding const& f, std::string_view service);

struct examination {
    std::string service; ///< only what `concerns` it; empty: all
    bool active = true;  ///< has this node the services' addresses? Some things show on the active node alone
    bool hold = false;   ///< as `layer4::hold_unknown`
    /// Addresses that move between nodes, beside those of the services and of their source translation. No question
    /// comes from one.
    std::vector<address> floating{};
    std::stop_token stop{}; ///< ends it early, with nothing found
};

/// Looks for what usually goes wrong at layer 4: a kernel without IPVS, its settings, somebody's packet filter, the way
/// to the real servers and what they do with packets for the service's address.
///
/// Beside reading the kernel's state it asks the real servers of IPv4: who has the server's and the service's address
/// (ARP), and opens a TCP connection half (SYN) as a client's packet would reach it, which is reset in the end. A server
/// gets at most eleven packets for each of its services, all small. Halted servers are not asked.
///
/// Blocks: 1.8 s at most for the answers, a millisecond for each packet sent (3 s for 1,000 servers that answer), and as
/// long as `nft` and, where IPVS is not there, `modprobe` take: they are killed after 4 s and 10 s. Acts on the network
/// namespace of the calling thread. Needs CAP_NET_ADMIN and CAP_NET_RAW; without them that is a finding.
[[gnu::visibility("default")]] std::vector<finding> examine_layer4(configuration const& c,
                                                                   std::span<server_state const> states,
                                                                   examination const& how);

} // namespace balance
