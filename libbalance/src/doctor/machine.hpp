// SPDX-License-Identifier: Apache-2.0
// What this machine says of itself.
#pragma once

#include "core/plan_desired.hpp"
#include "doctor/wire.hpp"
#include "firewall/sysctl.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace balance::doctor {

/// A kernel setting that the services need.
struct setting {
    firewall::sysctl wanted;
    std::string is; ///< empty: this kernel does not have it
};

/// An interface whose reverse path filter is strict, with a service's network, beside the default route.
struct strict_interface {
    std::string name;
    std::string default_route; ///< the other interface
};

struct machine_facts {
    std::string kernel;               ///< release
    std::string no_ipvs;              ///< why IPVS cannot be used; empty: it can
    std::string no_nft;               ///< why packet rules cannot be written; empty: they can
    std::vector<std::string> filters; ///< chains of others that drop what is forwarded unless a rule lets it through
    std::vector<setting> settings;
    std::vector<strict_interface> strict;
};

machine_facts look_at_machine(ipvs::desired_table const& desired, bool hold);

/// How the kernel would send to an address.
struct way {
    station through;
    address_v4 source;                 ///< this machine's address there
    std::optional<address_v4> gateway; ///< absent: a neighbour
};

/// Absent when there is no route. Errors as absent.
std::optional<way> way_to(address_v4 target);

/// The chains in the output of `nft list chains` that hook into forwarding and drop by default, "inet filter forward",
/// without our own table. Pure.
std::vector<std::string> dropping_chains(std::string_view listing);

} // namespace balance::doctor
