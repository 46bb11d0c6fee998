// SPDX-License-Identifier: Apache-2.0
// Whom to ask what, and what the answers tell of each service and server. Pure.
#pragma once

#include "doctor/questions.hpp"
#include "doctor/routes.hpp"
#include "firewall/sysctl.hpp"

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace balance::doctor {

/// This node and its networks.
struct surroundings {
    bool active = true;
    std::vector<station> stations;
    std::vector<firewall::interface_network> networks;
    std::set<address_v4> floating; ///< addresses that are another node's tomorrow: none to ask from
    address_v4 stranger;           ///< of no machine, in no network of ours: questions in the name of clients come from it
};

/// Where a server is asked.
struct port_asked {
    std::uint16_t number = 0; ///< 0: none is known
    bool known_open = false;  ///< a TCP program must listen there

    bool operator==(port_asked const&) const = default;
};

/// What is known of a real server of IPv4.
struct server_view {
    virtual_service const* service = nullptr;
    std::string name; ///< "fallback": the machine that answers when no server can
    address_v4 address;
    admin_state admin = admin_state::online;
    port_asked port;
    way route{};
    std::optional<address_v4> own{};  ///< where this node asks from; absent: it has no address of its own there
    arp_claims macs{};                ///< who answered ARP for its address; absent: not known
    bool claims_service = false;      ///< it answered ARP for the service's address where clients ask
    bool claims_elsewhere = false;    ///< or only where they do not
    reply to_us = reply::unknown;     ///< nat: to a connection from this node
    reply to_client = reply::unknown; ///< dr, tun: for the service's address; nat: to a stranger's connection
};

struct service_view {
    virtual_service const* service = nullptr;
    std::string not_asked;              ///< why its servers are not; empty: they are
    std::optional<station> home{};      ///< where clients ask for its address; absent: no interface is known, or it has no ARP
    std::set<mac_address> claiming{};   ///< who answers for it there, but for this node and the service's servers
    std::vector<server_view> servers{}; ///< of IPv4
    std::vector<std::string> of_v6{};   ///< names of the others, which are not asked
};

/// Where clients of an address come in: the interface that has the address, else one whose network it is in; empty: none.
std::string home_of(address const& a, std::vector<firewall::interface_network> const& networks);
/// Why a service's servers are not asked; empty: they are.
std::string cannot_ask(virtual_service const& s);
/// `v` is a server of the service.
port_asked port_to_ask(virtual_service const& s, real_server const& v);
/// An address of this node's own from which to ask along a way; where ARP leads on, one of the target's network.
std::optional<address_v4> own_address(way const& w, address_v4 target, surroundings const& around);

/// The layer-4 services, or the one that is named. `way_to` is called once for each address.
std::vector<service_view> views_of(configuration const& c, std::span<server_state const> states, std::string const& only,
                                   surroundings const& around, std::function<way(address_v4)> const& way_to);

/// Who has the servers' addresses, and who the services'.
arp_questions arp_questions_of(std::vector<service_view> const& views, surroundings const& around);
void take(std::vector<service_view>& views, arp_answers const& said, surroundings const& around);

/// What the servers that were found do with packets of clients. What several services would ask alike is in it once.
tcp_questions tcp_questions_of(std::vector<service_view> const& views, surroundings const& around);
void take(std::vector<service_view>& views, tcp_answers const& said, surroundings const& around);

} // namespace balance::doctor
