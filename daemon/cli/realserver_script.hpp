// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dyad::cli {

/// How a Linux real server is brought to accept packets for an address that another machine answers for.
enum class receiving {
    loopback,  ///< the address on lo, and no ARP for it; also what serves many addresses on one machine
    iptables,  ///< redirected to the machine's own address
    nftables,  ///< the same
    firewalld, ///< the same, permanent
};

/// "loopback", "iptables", "nftables", "firewalld".
balance::result<receiving> parse_receiving(std::string_view word);

/// A script for /bin/sh that prepares a Linux real server for a service and may be run again; with "undo" as argument it
/// takes back what it did. `floating` are the pair's addresses that are no service: a nat or transparent service's servers send their
/// replies to one of them. Errors: `not_supported` when the service's servers need no preparation, and why. Pure.
balance::result<std::string> realserver_script(balance::virtual_service const& s, receiving how,
                                               std::vector<balance::address> const& floating);

} // namespace dyad::cli
