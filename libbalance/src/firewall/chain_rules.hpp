// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/daisy_chain.hpp>

#include <string>
#include <vector>

/// The packet rules behind `daisy_chain`, as text for nft. Pure.
namespace balance::firewall {

/// One of our tables. There is one for each family: only in such a table can a rule send a packet to another machine.
struct chain_table {
    daisy_chain::side side = daisy_chain::side::none;
    bool v6 = false;

    bool operator==(chain_table const&) const = default;
};

/// As nft knows it.
char const* name_of(chain_table t) noexcept;

/// The tables that these settings need.
std::vector<chain_table> tables_of(daisy_chain::settings const& s);

/// Makes exactly these tables anew, in one transaction; those of `awake` at work, all others asleep.
std::string chain_rules(daisy_chain::settings const& s, daisy_chain::side awake);

} // namespace balance::firewall
