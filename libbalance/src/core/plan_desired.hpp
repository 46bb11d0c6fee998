// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/plan_table.hpp"

#include <balance/service.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace balance::ipvs {

/// Packets to these ports of this address get this mark.
struct mark_rule {
    std::string service;
    balance::address address;
    balance::protocol protocol = balance::protocol::tcp;
    std::vector<port_range> ports; ///< sorted; never empty
    std::uint32_t mark = 0;

    bool operator==(mark_rule const&) const = default;
};

/// New connections of a snat service leave with this source address.
struct source_rule {
    std::string service;
    std::uint32_t mark = 0; ///< selects the connections; 0: address, protocol and port do
    balance::address address;
    balance::protocol protocol = balance::protocol::tcp;
    std::uint16_t port = 0;
    balance::address source;

    bool operator==(source_rule const&) const = default;
};

/// What these machines send to the world through the interface leaves with this node's address (auto-NAT).
struct masquerade_rule {
    std::string interface; ///< empty: none
    std::vector<address> machines; ///< sorted, each once

    bool operator==(masquerade_rule const&) const = default;
};

/// New TCP connections to these ports of this address go to another port of it: the node's own page.
struct page_rule {
    std::string service;
    balance::address address;
    std::vector<port_range> ports; ///< sorted; never empty
    std::uint16_t page_port = 0;

    bool operator==(page_rule const&) const = default;
};

/// TCP packets to, or from, these ports of a machine.
struct port_rule {
    std::string service;
    balance::address address;
    std::vector<port_range> ports;            ///< sorted; never empty
    std::optional<balance::address> to{}; ///< from servers: only those to this address of ours

    bool operator==(port_rule const&) const = default;
};

/// The content of our nftables table.
struct packet_rules {
    std::vector<mark_rule> marks;
    std::vector<source_rule> sources;
    masquerade_rule masquerade;
    std::vector<page_rule> pages;
    /// Held: packets in mid-stream that IPVS knows no connection of, from clients and from translated servers.
    std::vector<port_rule> held_clients;
    std::vector<port_rule> held_servers;
    /// Interface on which only the kernel may speak; empty: none.
    std::string guarded_interface;
    /// From servers of transparent layer-7 services: what is for a connection of ours stays here, whomever it is to.
    std::vector<port_rule> borrowed{};

    [[nodiscard]] std::size_t size() const noexcept {
        auto const translated = std::count_if(held_servers.begin(), held_servers.end(),
                                              [](port_rule const& r) { return r.to.has_value(); }); // two rules each
        return marks.size() + sources.size() + (masquerade.machines.empty() ? 0 : 1) + pages.size() + held_clients.size() +
               held_servers.size() + static_cast<std::size_t>(translated) + (guarded_interface.empty() ? 0 : 1) + borrowed.size();
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    bool operator==(packet_rules const&) const = default;
};

struct desired_destination {
    std::string name;
    destination config;
    std::string why; ///< why it gets no new connections ("down"); empty when it does
    bool is_fallback = false; ///< no server of the configuration

    bool operator==(desired_destination const&) const = default;
};

struct desired_service {
    std::string name;
    service config;
    std::vector<desired_destination> destinations;
    bool fallback_active = false; ///< no server is left and something else answers

    bool operator==(desired_service const&) const = default;
};

/// A layer-4 service that cannot be served, and why.
struct refusal {
    std::string service;
    std::string reason;

    bool operator==(refusal const&) const = default;
};

/// What the kernel should hold for a configuration in given states.
struct desired_table {
    std::vector<desired_service> services; ///< in the configuration's order
    packet_rules rules;
    std::vector<refusal> refused;
    std::vector<address> addresses; ///< of all services, layer 7 included: what IPVS holds there is ours
    /// Persistent clients stay with servers of weight 0. The kernel knows that for all services alone.
    bool clients_stay = false;
    std::string cannot_stay; ///< why those of some drained servers do not although they may; empty: they do

    bool operator==(desired_table const&) const = default;
};

/// Pure. Where clients stay with drained servers, those that are down are left out if they are in a persistent service,
/// for their clients must leave. Else: a server that is down, drained or not checked yet has weight 0, so that its connections may finish; a halted
/// one is left out. Several ports are one service by its mark of `c.marks`. When every server is known to be out of
/// service, the service's fallback is a destination too. `hold` as in `layer4::hold_unknown`.
desired_table desire(configuration const& c, std::span<server_state const> states, bool hold = false);

} // namespace balance::ipvs
