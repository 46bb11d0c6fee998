// SPDX-License-Identifier: Apache-2.0
// Other people's packet filters. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace balance::doctor {

/// A chain of the kernel's packet filter that drops what no rule lets through, itself or in one that it leads to.
struct filter_chain {
    std::string family; ///< "inet", "ip" or "ip6"
    std::string name;   ///< "filter FORWARD": table and chain
    std::string hook;   ///< "input" or "forward"
    std::string by{};   ///< the chain of the same table that drops; empty: itself
    /// Not empty: it drops no more than what these rules jump or go to others with, three at most, each as
    /// `iifname "eth0" goto public (chain FORWARD)`.
    std::vector<std::string> only{};
    bool more = false; ///< rules of that kind than `only` names

    bool operator==(filter_chain const&) const = default;
};

constexpr std::size_t longest_listing = 4u << 20; ///< bytes that are read of one

/// The chains in the output of `nft -s -t list ruleset` that hook into what comes in or is forwarded, in a table of ip,
/// ip6 or inet that is neither ours nor dormant, and in which a packet that no condition holds for is dropped or
/// rejected; or is where a rule with a condition jumps or goes to. Such a verdict of a rule with a condition is not
/// counted: what is let through or dropped one by one is its owner's business. What a named map leads to is not known.
std::vector<filter_chain> dropping_chains(std::string_view listing);

} // namespace balance::doctor
