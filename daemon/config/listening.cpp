// SPDX-License-Identifier: Apache-2.0
#include <balance/validate.hpp>

#include <config/listening.hpp>
#include <utility>
#include <vector>

namespace dyad::config {

namespace {

bool listens(balance::virtual_service const& s) {
    return !balance::is_layer4(s.mode) && s.address && balance::not_served(s).empty();
}

template <class Function>
void each_port(balance::virtual_service const& s, Function use) {
    for (auto const* list : {&s.ports, s.tls ? &s.tls->ports : nullptr}) {
        if (list == nullptr) {
            continue;
        }
        for (auto const& range : *list) {
            for (unsigned port = range.first; port <= range.last; ++port) {
                use(static_cast<std::uint16_t>(port));
            }
        }
    }
}

/// Leaves the ports whose endpoint `has`; a list that is whole stays as it is.
void restrict_ports(std::vector<balance::port_range>& ports, balance::address const& address,
                    std::function<bool(balance::endpoint const&)> const& has) {
    std::vector<balance::port_range> there;
    bool whole = true;
    for (auto const& range : ports) {
        for (unsigned n = range.first; n <= range.last; ++n) {
            auto const port = static_cast<std::uint16_t>(n);
            bool const here = has({address, port});
            whole = whole && here;
            if (here) {
                there.push_back({port, port});
            }
        }
    }
    if (!whole) {
        ports = std::move(there);
    }
}

} // namespace

std::set<balance::endpoint> endpoints_of(balance::configuration const& c) {
    std::set<balance::endpoint> all;
    for (auto const& service : c.services) {
        if (listens(service)) {
            each_port(service, [&](std::uint16_t port) { all.insert({*service.address, port}); });
        }
    }
    return all;
}

std::set<balance::endpoint> page_endpoints(balance::configuration const& c) {
    std::set<balance::endpoint> all;
    for (auto const& s : c.services) { // mode http has a page of its own
        if (listens(s) && s.mode == balance::mode::tcp && s.fallback.mode == balance::fallback::kind::local) {
            all.insert({*s.address, c.page_port});
        }
    }
    if (!all.empty()) {
        for (auto const& taken : endpoints_of(c)) { // a service on the page's port would be led to itself
            all.erase(taken);
        }
    }
    for (auto const& s : c.services) {
        bool const tcp = s.protocol == balance::protocol::tcp || s.protocol == balance::protocol::tcp_udp;
        if (balance::is_layer4(s.mode) && s.address && tcp && s.fallback.mode == balance::fallback::kind::local) {
            all.insert({*s.address, c.page_port});
        }
    }
    return all;
}

balance::configuration restrict_to(balance::configuration c, std::function<bool(balance::endpoint const&)> const& has) {
    for (auto& service : c.services) {
        if (!listens(service)) {
            continue;
        }
        if (service.tls && service.tls->to_port == 0 && !service.ports.empty()) { // wherever we listen
            service.tls->to_port = service.ports.front().first;
        }
        restrict_ports(service.ports, *service.address, has);
        if (service.tls) {
            restrict_ports(service.tls->ports, *service.address, has);
        }
    }
    return c;
}

} // namespace dyad::config
