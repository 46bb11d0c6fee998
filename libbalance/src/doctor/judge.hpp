// SPDX-License-Identifier: Apache-2.0
// What was seen, turned into sentences. Pure.
#pragma once

#include "doctor/machine.hpp"

#include <balance/doctor.hpp>

#include <optional>
#include <set>
#include <vector>

namespace balance::doctor {

/// What is known of a real server of IPv4.
struct server_view {
    virtual_service const* service = nullptr;
    real_server const* server = nullptr;
    std::uint16_t port = 0;                     ///< where it was asked
    std::optional<way> route;
    std::optional<mac_address> mac;             ///< of a neighbour that answered ARP
    bool claims_service_address = false;        ///< it answered ARP for that
    reply to_us = reply::none;                  ///< nat: to a connection from this node
    reply to_client = reply::none;              ///< dr, tun: for the service's address; nat: to a stranger's connection
};

/// Why a service's servers cannot be asked; empty: they can.
std::string cannot_ask(virtual_service const& s, bool active);

/// The port at which a server is asked.
std::uint16_t port_to_ask(virtual_service const& s, real_server const& v);

std::vector<finding> judge(machine_facts const& m, ipvs::desired_table const& desired);
std::vector<finding> judge(server_view const& v);
/// `claiming`: who answered ARP for the service's address, without this machine and the service's servers.
std::vector<finding> judge(virtual_service const& s, std::set<mac_address> const& claiming, bool active);

} // namespace balance::doctor
