// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/plan_desired.hpp"

#include <span>
#include <string>

namespace balance::firewall {

/// Name of our table, family inet. Nothing outside it is ours.
inline constexpr char table_name[] = "dyad";

/// The table in nft's language, in the form in which `nft -n list table inet dyad` (1.0) prints it. Pure.
///
/// Packets that come in, and those that local programs send, get the mark of the service whose address and ports they
/// go to. The hooks run before IPVS looks at marks (priority -150 against -99 and later).
std::string ruleset(std::span<ipvs::mark_rule const> rules);

} // namespace balance::firewall
