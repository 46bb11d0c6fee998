// SPDX-License-Identifier: Apache-2.0
// How this machine would send to an address, as the kernel says.
#pragma once

#include "doctor/frames.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace balance::doctor {

/// An interface of this machine.
struct station {
    unsigned index = 0;
    std::string name;
    mac_address mac{};
    unsigned mtu = 0;
    bool has_arp = true; ///< Ethernet on which addresses are asked for; else `mac` is none
};

/// The interfaces of this machine, those that are down too. Errors as none.
std::vector<station> stations();

/// How the kernel would send to an address.
struct way {
    enum class kind : std::uint8_t {
        unknown,   ///< it did not say; `why`
        none,      ///< there is no route
        own,       ///< the address is this machine's
        neighbour, ///< directly
        router     ///< through `gateway`
    };

    way::kind is = way::kind::unknown;
    std::string why{};
    station through{};
    address_v4 source{}; ///< what the kernel would say it comes from
    address_v4 gateway{};
};

/// `known`: what `stations` said.
way way_to(address_v4 target, std::vector<station> const& known);

} // namespace balance::doctor
