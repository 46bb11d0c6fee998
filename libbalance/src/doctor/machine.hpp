// SPDX-License-Identifier: Apache-2.0
// What this machine says of itself.
#pragma once

#include "core/plan_desired.hpp"
#include "doctor/chains.hpp"
#include "firewall/sysctl.hpp"

#include <balance/error.hpp>

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace balance::doctor {

/// A kernel setting that the services need.
struct setting {
    firewall::sysctl wanted;
    std::string is; ///< empty: this kernel does not have it
};

struct machine_facts {
    std::string kernel;                ///< release
    std::optional<error> no_ipvs;      ///< why IPVS cannot be used
    std::optional<error> no_nft;       ///< why packet rules cannot be written; `not_found`: there is no nft
    std::string no_filters;            ///< why nobody looked at all of others' packet filters; empty: it was looked
    std::vector<filter_chain> filters; ///< of others, that drop
    std::vector<setting> settings;
    std::vector<std::string> strict; ///< interfaces with a service's address or its network, reverse path filter strict
    /// The interface that the default route leads through; empty: there is no default route; absent: not known.
    std::optional<std::string> default_route;
};

/// Runs `nft` and `modprobe`, which may take seconds where they hang; a stop is noticed between them.
machine_facts look_at_machine(ipvs::desired_table const& desired, bool hold, std::stop_token const& stop);

} // namespace balance::doctor
