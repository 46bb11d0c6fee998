// SPDX-License-Identifier: Apache-2.0
// Other people's packet filters. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace balance::doctor {

/// A chain of the kernel's packet filter that drops what no rule of it lets through.
struct filter_chain {
    std::string family; ///< "inet", "ip", "ip6", "bridge", …
    std::string name;   ///< "filter FORWARD": table and chain
    std::string hook;   ///< "input" or "forward"

    bool operator==(filter_chain const&) const = default;
};

/// The chains in the output of `nft -s list ruleset` that hook into what comes in or is forwarded and drop by policy, or
/// whose last rule drops or rejects everything. Our own table is left out. What a chain jumps to is not followed.
std::vector<filter_chain> dropping_chains(std::string_view listing);

} // namespace balance::doctor
