// SPDX-License-Identifier: Apache-2.0
// What a parent does for a node whose process died: quick, blocking, and without anything that the node had in memory.
#include "net/address_channel.hpp"
#include "net/network_monitor.hpp"
#include "net/system_error.hpp"
#include "net/udp_link.hpp"

#include <cluster/node.hpp>

#include <algorithm>

namespace cluster {
namespace {

/// Where `f` is; nothing when it is nowhere.
void find(net::network_view const& view, floating_address const& f, std::vector<net::placed_address>& out) {
    auto const prefix = net::host_prefix(f.address);
    for (auto const& placed : view.addresses()) {
        auto const* const on = view.find(placed.interface);
        bool const named = f.interface.empty() || (on != nullptr && on->name == f.interface);
        if (placed.address == f.address && placed.prefix == prefix && named) {
            out.push_back(placed);
        }
    }
}

} // namespace

result<> remove_addresses(std::vector<floating_address> const& addresses) {
    auto monitor = net::network_monitor::open();
    if (!monitor) {
        return monitor.error();
    }
    auto channel = net::address_channel::open();
    if (!channel) {
        return channel.error();
    }
    std::vector<net::placed_address> present;
    for (auto const& f : addresses) {
        find(monitor->view(), f, present);
    }
    auto const answers = channel->remove(present);
    auto const failed = std::find_if(answers.begin(), answers.end(), [](int e) { return e != 0; });
    if (failed == answers.end()) {
        return {};
    }
    auto const& which = present[static_cast<std::size_t>(failed - answers.begin())];
    return net::system_error("taking off " + which.address.to_string(), *failed);
}

result<> send_sealed(std::vector<sealed_datagram> const& datagrams) {
    result<> outcome;
    for (auto const& d : datagrams) {
        // Not from the dead process's port: it may still be there, stopped, with its sockets open.
        link_settings const path{"goodbye", d.interface, d.local.address, d.peer.address, d.peer.port};
        auto link = net::udp_link::open(path, 0);
        if (!link) {
            outcome = link.error();
            continue;
        }
        link->send(d.bytes);
    }
    return outcome;
}

} // namespace cluster
