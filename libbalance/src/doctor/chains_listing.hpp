// SPDX-License-Identifier: Apache-2.0
// What nft lists, as far as it decides where a packet ends. Pure.
#pragma once

#include <cstddef>
#include <limits>
#include <string_view>
#include <vector>

namespace balance::doctor {

constexpr auto no_chain = std::numeric_limits<std::size_t>::max();

/// A rule that may end a packet's way through a chain or lead it into another. A verdict under a condition is none of
/// these: what the condition holds for is not known.
struct chain_step {
    enum class kind { accept, drop, leave, hand_over, jump, go };
    enum class when { always, sometimes, local }; ///< `local`: when the packet is for an address of this machine
    kind does = kind::leave;
    when holds = when::always;
    std::string_view rule;  ///< without its comment
    std::string_view named; ///< where it jumps or goes to, in the same table
    std::size_t target = no_chain;
};

struct listed_chain {
    std::string_view family;
    std::string_view table;
    std::string_view name; ///< of a chain without a name, which stands inside a rule: that of the chain around it
    std::string_view hook; ///< empty: no hook, only other chains lead here
    bool drops_by_policy = false;
    bool whole = false; ///< its end was in the listing
    std::vector<chain_step> steps;
};

/// The chains of ip, ip6 and inet in the output of `nft -s -t list ruleset`, which has a rule a line; views into it.
/// Left out are our own table and those that are dormant. Anything else than such a listing is no harm; time and memory
/// are linear in it.
std::vector<listed_chain> read_chains(std::string_view listing);

} // namespace balance::doctor
