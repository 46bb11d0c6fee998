// SPDX-License-Identifier: Apache-2.0
// What the keeper tells of the network: links, service interfaces, and the addresses that are on this node.
#include "net/address_keeper.hpp"

#include <algorithm>
#include <fstream>

namespace cluster::net {
namespace {

/// The router flag of neighbour advertisements must say what router advertisements say, or hosts drop their route.
bool forwards_ipv6(std::string const& interface) {
    std::ifstream file("/proc/sys/net/ipv6/conf/" + interface + "/forwarding");
    int value = 0;
    return file >> value && value != 0;
}

} // namespace

void address_keeper::report_links() {
    auto const& view = monitor_->view();
    for (std::size_t i = 0; i < links_.size(); ++i) {
        auto const& s = settings_.links[i];
        auto const* const on = s.interface.empty() ? view.owner_of(s.local) : view.find(s.interface);
        bool const usable = on != nullptr && on->running && view.has(on->index, s.local);
        unsigned const index = on != nullptr ? on->index : 0;
        auto& last = links_[i];
        if (!last || last->usable != usable || last->interface != index) {
            last = kept::link{i, usable, index};
            tell(*last);
        }
    }
}

void address_keeper::report_service() {
    auto const& view = monitor_->view();
    bool const ok = std::all_of(entries_.begin(), entries_.end(), [&](entry const& e) {
        auto const* const on = e.place ? view.find(e.place->interface) : nullptr;
        // An address that never had an interface is a fault of the configuration, reported as such; one whose interface
        // went away can't be served from here.
        return on != nullptr ? on->running : !e.placed_once;
    });
    if (service_ != ok) {
        service_ = ok;
        tell(kept::service{ok});
    }
}

void address_keeper::report_held() {
    auto const& view = monitor_->view();
    kept::held now;
    std::vector<unsigned> running;
    for (auto const& e : entries_) {
        auto const* const on = e.place ? view.find(e.place->interface) : nullptr;
        if (on == nullptr || !view.has(*e.place)) {
            continue;
        }
        if (on->running && std::find(running.begin(), running.end(), on->index) == running.end()) {
            running.push_back(on->index);
            if (std::find(running_.begin(), running_.end(), on->index) == running_.end()) {
                now.restarted.push_back(on->index);
            }
        }
        now.addresses.push_back({.floating = {e.floating.address, on->name},
                                 .interface = on->index,
                                 .mac = on->mac,
                                 .ethernet = on->ethernet,
                                 .router = false});
    }
    running_ = std::move(running);
    auto const same_place = [](held_address const& a, held_address const& b) {
        return a.floating == b.floating && a.interface == b.interface && a.mac == b.mac;
    };
    bool const same = std::equal(now.addresses.begin(), now.addresses.end(), held_.begin(), held_.end(), same_place);
    if (same && now.restarted.empty()) {
        return;
    }
    for (auto& a : now.addresses) {
        a.router = a.floating.address.is_v6() && forwards_ipv6(a.floating.interface);
    }
    held_ = now.addresses;
    tell(std::move(now));
}

} // namespace cluster::net
