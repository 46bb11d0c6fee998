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
    for (auto const& range : s.ports) {
        for (unsigned port = range.first; port <= range.last; ++port) {
            use(static_cast<std::uint16_t>(port));
        }
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
        std::vector<balance::port_range> there;
        bool whole = true;
        each_port(service, [&](std::uint16_t port) {
            if (has({*service.address, port})) {
                there.push_back({port, port});
            } else {
                whole = false;
            }
        });
        if (!whole) {
            service.ports = std::move(there);
        }
    }
    return c;
}

} // namespace dyad::config
