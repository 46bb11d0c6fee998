// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conntrack/entry.hpp"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>

#include <string>

/// Connections for tests.
namespace sample {

using namespace balance::conntrack;
using balance::endpoint;

inline endpoint end(std::string const& address, int port) {
    return {boost::asio::ip::make_address(address), static_cast<std::uint16_t>(port)};
}

inline constexpr char client[] = "192.0.2.21";
inline constexpr char service[] = "198.51.100.110";
inline constexpr char server[] = "203.0.113.41";
inline constexpr char source[] = "198.51.100.120";

/// A TCP connection of `client`, which `server` sees coming from `source`.
inline entry tcp(int client_port, int translated_port) {
    return {{6, {end(client, client_port), end(service, 80)}},
            {end(server, 8080), end(source, translated_port)},
            TCP_CONNTRACK_ESTABLISHED,
            {},
            1000,
            IPS_ASSURED | IPS_SEEN_REPLY | IPS_CONFIRMED | IPS_SRC_NAT};
}

inline entry tcp6(int client_port, int translated_port) {
    return {{6, {end("2001:db8::21", client_port), end("2001:db8:1::110", 80)}},
            {end("2001:db8:2::41", 8080), end("2001:db8:1::120", translated_port)},
            TCP_CONNTRACK_ESTABLISHED,
            {},
            1000,
            IPS_ASSURED | IPS_SEEN_REPLY | IPS_CONFIRMED | IPS_SRC_NAT};
}

inline change kept(entry e) { return {std::move(e), false}; }
inline change gone(entry e) { return {std::move(e), true}; }

} // namespace sample
