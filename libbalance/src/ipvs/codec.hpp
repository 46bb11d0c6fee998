// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/plan_table.hpp"
#include "ipvs/attributes.hpp"

#include <balance/error.hpp>

#include <string>

/// Messages of the generic netlink family "IPVS", version 1, from the generic netlink header on (linux/ip_vs.h,
/// linux/genetlink.h). Pure: bytes from values and values from bytes.
namespace balance::ipvs {

/// Numbers of linux/ip_vs.h.
enum class command : std::uint8_t {
    new_service = 1,
    set_service = 2,
    remove_service = 3,
    get_service = 4,
    new_destination = 5,
    set_destination = 6,
    remove_destination = 7,
    get_destination = 8,
    new_daemon = 9,
    remove_daemon = 10
};

/// Address families as the messages write them: AF_INET and AF_INET6.
inline constexpr std::uint16_t ipv4_family = 2;
inline constexpr std::uint16_t ipv6_family = 10;

/// Numbers of linux/ip_vs.h: which of the two daemons that synchronise connections.
enum class sync_role : std::uint8_t { master = 1, backup = 2 };

/// `new_service`, `set_service`: all of `s`; `remove_service`: its key counts.
bytes encode(command c, service const& s);
/// `new_destination`, `set_destination`: all of `d`; `remove_destination`: its address and port count.
bytes encode(command c, service_key const& key, destination const& d);
/// Asks for all services; sent with NLM_F_DUMP.
bytes encode_service_dump();
/// Asks for the destinations of one service; sent with NLM_F_DUMP.
bytes encode_destination_dump(service_key const& key);

/// Starts a sync daemon on an interface that is up, with the kernel's own group and port; only daemons with the same
/// `id` understand each other.
bytes encode_sync_start(sync_role role, std::string const& interface, std::uint8_t id);
bytes encode_sync_stop(sync_role role);

/// One answer to a dump of services, without destinations. Errors: `protocol_error`.
result<service_state> decode_service(byte_span message);
/// One answer to a dump of the destinations of a service; `v6` is the service's family, which old kernels leave out.
/// Errors: `protocol_error`.
result<destination_state> decode_destination(byte_span message, bool v6);

} // namespace balance::ipvs
