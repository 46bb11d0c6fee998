// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/plan_desired.hpp"

#include <string>

namespace balance::firewall {

/// Name of our table, family inet. Nothing outside it is ours.
inline constexpr char table_name[] = "dyad";

/// The table in nft's language, in the form in which `nft -n list table inet dyad` (1.0) prints it. Pure.
///
/// Packets that come in get the mark of the service whose address and ports they go to; those that local programs send,
/// only where the address is on this node: a passive node leaves its services to the active one. The hooks run before
/// IPVS looks at marks (priority -150 against -99 and later). Source addresses are translated after IPVS has chosen the
/// server; what IPVS balances without connection tracking (net.ipv4.vs.conntrack = 0) does not come by there.
std::string ruleset(ipvs::packet_rules const& rules);

} // namespace balance::firewall
