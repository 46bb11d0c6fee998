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

struct examination {
    std::string service; ///< only this one; empty: all
    bool active = true;  ///< has this node the services' addresses? Some things show on the active node alone
    bool hold = false;   ///< as `layer4::hold_unknown`
    std::stop_token stop{}; ///< ends it early, with what was found until then
};

/// Looks for what usually goes wrong at layer 4: a kernel without IPVS, its settings, somebody's packet filter, the way
/// to the real servers and what they do with packets for the service's address.
///
/// Beside reading the kernel's state it asks the real servers, each at most six times: who has the server's and the
/// service's address (ARP), and opens a TCP connection half (SYN) as a client's packet would reach it, which is reset
/// when it is answered. Servers of IPv6 are not asked. Blocks for at most 4 s and the time to send: 1,000 servers take a
/// second more. Acts on the network namespace of the calling thread. Needs CAP_NET_ADMIN and CAP_NET_RAW; without them
/// that is a finding.
[[gnu::visibility("default")]] std::vector<finding> examine_layer4(configuration const& c,
                                                                   std::span<server_state const> states,
                                                                   examination const& how);

} // namespace balance
