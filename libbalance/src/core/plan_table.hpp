// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>
#include <balance/status.hpp>

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

/// The kernel's IPVS table as values: what the kernel says and what it is told, without its bytes.
namespace balance::ipvs {

/// Numbers of linux/ip_vs.h.
enum class forwarding : std::uint8_t { masquerade = 0, local = 1, tunnel = 2, direct = 3, bypass = 4 };

/// Flags of a service, of linux/ip_vs.h.
inline constexpr std::uint32_t persistent_flag = 1; ///< clients stay with their server
inline constexpr std::uint32_t one_packet_flag = 4;
inline constexpr std::uint32_t scheduler_fallback_flag = 8; ///< of sh and mh
inline constexpr std::uint32_t scheduler_port_flag = 0x10;  ///< of sh and mh

inline constexpr std::uint16_t tcp_protocol = 6;
inline constexpr std::uint16_t udp_protocol = 17;
inline constexpr std::uint16_t sctp_protocol = 132;

/// What makes an IPVS service itself: a family and a firewall mark, or a protocol, an address and a port.
struct service_key {
    bool v6 = false;
    std::uint32_t mark = 0; ///< not 0: the members below do not count
    std::uint16_t protocol = 0;
    endpoint local;

    bool operator==(service_key const& other) const {
        return v6 == other.v6 && mark == other.mark &&
               (mark != 0 || (protocol == other.protocol && local == other.local));
    }
    bool operator<(service_key const& other) const {
        if (std::tie(v6, mark) != std::tie(other.v6, other.mark)) {
            return std::tie(v6, mark) < std::tie(other.v6, other.mark);
        }
        return mark == 0 && std::tie(protocol, local) < std::tie(other.protocol, other.local);
    }
};

/// "10.0.0.1:80/tcp", "mark 219807744", "mark 219807744 (IPv6)".
std::string to_string(service_key const& key);

struct service {
    service_key key;
    std::string scheduler;
    std::uint32_t flags = 0;   ///< of linux/ip_vs.h, without the kernel's own
    std::uint32_t timeout = 0; ///< of persistence, seconds
    /// Bits of a client's address that count for persistence. IPv4: a mask; IPv6: a prefix length.
    std::uint32_t netmask = 0;
    std::string engine; ///< persistence engine; we use none

    bool operator==(service const&) const = default;
};

struct destination {
    endpoint remote; ///< the key within its service; port 0: the port that the client connected to
    forwarding method = forwarding::direct;
    std::uint32_t weight = 0;
    std::uint32_t upper = 0; ///< connections from which it gets no new ones; 0: no limit
    std::uint32_t lower = 0; ///< connections below which it gets them again; 0: 3/4 of `upper`
    balance::tunnel tunnel{}; ///< of method tunnel

    bool operator==(destination const&) const = default;
};

/// A destination as the kernel has it.
struct destination_state {
    destination config;
    std::uint32_t active = 0;
    std::uint32_t inactive = 0;
    std::uint32_t persistent = 0;
    balance::counters counters;
};

/// A service as the kernel has it.
struct service_state {
    service config;
    balance::counters counters;
    std::vector<destination_state> destinations;
};

} // namespace balance::ipvs
