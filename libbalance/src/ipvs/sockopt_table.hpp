// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/plan_table.hpp"
#include "ipvs/attributes.hpp"

#include <balance/error.hpp>

#include <cstdint>
#include <optional>
#include <vector>

/// IPVS's older interface, getsockopt: one call gives the destinations of a service, where netlink makes a message of each.
/// It knows IPv4 alone, and neither a tunnel's kind nor a persistence engine. What it does not say, netlink does.
namespace balance::ipvs {

/// A service and how many destinations it has, of whatever family.
struct counted_service {
    service_key key;
    std::uint32_t destinations = 0;
};

// Pure. The bytes are structures of linux/ip_vs.h.
/// What asks for the services, and has room for so many.
bytes services_request(std::uint32_t count);
std::optional<std::vector<counted_service>> decode_services(byte_span answer);
/// What asks for the destinations of a service, and has room for all of them.
bytes destinations_request(counted_service const& s);
/// Without counters. Absent: there is something that this interface does not tell, or not as many as there were.
std::optional<std::vector<destination_state>> decode_destinations(byte_span answer);

/// A socket to ask with, of the network namespace that the calling thread is in when it opens.
class sockopt_table {
public:
    sockopt_table();
    ~sockopt_table();
    sockopt_table(sockopt_table const&) = delete;
    sockopt_table& operator=(sockopt_table const&) = delete;

    /// The IPv4 services, in the order in which netlink dumps them too. Absent: the kernel does not say.
    std::optional<std::vector<counted_service>> services();
    /// Absent: this interface does not say it, or not all.
    std::optional<std::vector<destination_state>> destinations(counted_service const& s);

private:
    int socket_;
};

} // namespace balance::ipvs
