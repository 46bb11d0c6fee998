// SPDX-License-Identifier: Apache-2.0
#include "core/validate_rules.hpp"

#include <balance/text.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

namespace balance::rules {
namespace {

void check_address(virtual_service const& s, real_server const& v, report& r) {
    if (v.address.is_unspecified()) {
        r.wrong({"address"}, "address of the server is missing; say address = \"…\"");
    } else if (v.address.is_multicast() || v.address == address(boost::asio::ip::address_v4::broadcast())) {
        r.wrong({"address"}, v.address.to_string() + " cannot be a server; use the address of one machine");
    } else if (s.mode != mode::tun && is_layer4(s.mode) && v.address.is_v6() != is_v6(s)) {
        r.wrong({"address"},
                "server " + v.address.to_string() + " and service are of different address families, which mode " +
                    std::string(to_string(s.mode)) + " cannot mix; use mode tun, tcp or http, or one family");
    } else if (s.address && *s.address == v.address && is_layer4(s.mode)) {
        r.wrong({"address"}, "the server has the service's own address " + v.address.to_string() +
                                 "; use the address of the machine behind it");
    }
}

/// Servers of a transparent service answer the client's own address; the answers must come by here, and from elsewhere.
void check_transparent(virtual_service const& s, real_server const& v, report& r) {
    if (!s.transparent || is_layer4(s.mode) || v.address.is_unspecified()) {
        return;
    }
    if (v.address.is_v6() != is_v6(s)) {
        r.wrong({"address"}, "server " + v.address.to_string() +
                                 " is of another address family than the clients, whose addresses it is to see; use one family, or "
                                 "leave transparent out");
    } else if (v.address.is_loopback()) {
        r.wrong({"address"}, "a server on the balancer itself, like " + v.address.to_string() +
                                 ", would answer clients past the proxy; use another machine, or leave transparent out");
    }
}

/// Direct routing and tunnels deliver the client's packet as it is, so the server must listen on the client's port.
void check_port(virtual_service const& s, real_server const& v, report& r) {
    if (v.port == 0 || (s.mode != mode::dr && s.mode != mode::tun)) {
        return;
    }
    auto const ports = client_ports(s);
    if (ports.size() == 1 && ports.front() == port_range{v.port, v.port}) {
        return;
    }
    auto const word = std::string(to_string(s.mode));
    if (ports.size() == 1 && ports.front().first == ports.front().last) {
        r.wrong({"port"}, "the server's port " + std::to_string(v.port) + " differs from the service's " +
                              to_string(ports.front()) + ", and mode " + word +
                              " cannot translate ports; leave port out, or use mode nat");
    } else {
        r.wrong({"port"}, "a server of a service with several ports gets them all as they are in mode " + word +
                              "; leave port out, or use mode nat");
    }
}

/// Of a persistent service by mark the kernel ignores the servers' ports.
void check_translation(virtual_service const& s, real_server const& v, report& r) {
    auto const ports = client_ports(s);
    bool const same = ports.size() == 1 && ports.front() == port_range{v.port, v.port};
    if (v.port != 0 && !same && needs_mark(s) && s.persistence.mode != persistence::kind::none &&
        (s.mode == mode::nat || s.mode == mode::snat)) {
        r.wrong({"port"}, "the kernel cannot translate ports for a persistent service with several ports or a firewall "
                          "mark; leave port out, or make a service of each port");
    }
}

void check_limits(virtual_service const& s, real_server const& v, report& r) {
    if (v.min_connections == 0) {
        return;
    }
    if (!is_layer4(s.mode)) {
        r.wrong({"min_connections"}, "min_connections is for layer 4 only; leave it out of a service with mode " +
                                         std::string(to_string(s.mode)));
    } else if (v.min_connections > v.max_connections) {
        r.wrong({"min_connections"},
                "min_connections is " + std::to_string(v.min_connections) + " and max_connections " +
                    (v.max_connections == 0 ? "has no limit" : std::to_string(v.max_connections)) +
                    "; the minimum is the count at which an overloaded server is used again, so it needs a "
                    "maximum that is not smaller");
    }
}

/// Have two of the servers the same `key`? Seldom, so that it is asked before they are looked for.
template <class Key>
bool repeat(std::vector<real_server> const& servers, Key key) {
    std::vector<decltype(key(servers.front()))> all;
    all.reserve(servers.size());
    std::transform(servers.begin(), servers.end(), std::back_inserter(all), key);
    std::sort(all.begin(), all.end());
    return std::adjacent_find(all.begin(), all.end()) != all.end();
}

} // namespace

void check_servers(virtual_service const& s, report r) {
    if (s.servers.empty()) {
        r.warn({"server"}, "the service has no server, so nobody will answer its clients; add a table "
                           "[service.NAME.server.NAME] with its "
                           "address");
    }
    bool const names_repeat = repeat(s.servers, [](auto const& v) { return std::string_view(v.name); });
    bool const endpoints_repeat = repeat(s.servers, [](auto const& v) { return endpoint{v.address, v.port}; });
    std::set<std::string_view> names;
    std::map<endpoint, std::string_view> endpoints;
    for (auto const& v : s.servers) {
        auto below = r.of_server(v.name);
        if (auto const bad = bad_name(v.name); !bad.empty()) {
            below.wrong({}, bad);
        }
        if (names_repeat && !names.insert(v.name).second) {
            below.wrong({}, "two servers of the service are named " + in_quotes(v.name) +
                                "; give one of them another name");
        }
        check_address(s, v, below);
        check_transparent(s, v, below);
        check_port(s, v, below);
        check_translation(s, v, below);
        check_limits(s, v, below);
        if (!endpoints_repeat) {
            continue;
        }
        auto const [other, is_new] = endpoints.emplace(endpoint{v.address, v.port}, v.name);
        if (!is_new && !v.address.is_unspecified()) {
            below.wrong({"address"}, "server " + in_quotes(other->second) +
                                         " of the service has the same address and port; leave "
                                         "one of them out and raise the other's weight");
        }
    }
}

} // namespace balance::rules
