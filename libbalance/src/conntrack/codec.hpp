// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conntrack/entry.hpp"
#include "ipvs/attributes.hpp"

#include <cstdint>
#include <optional>

/// Messages of ctnetlink, the kernel's netlink interface to connection tracking: whole, from the netlink header on
/// (linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h). Pure: bytes from values and values from bytes.
///
/// Requests have sequence number 0, for the sender to fill in, and ask for an answer.
namespace balance::conntrack {

using ipvs::byte_span;
using ipvs::bytes;

/// Asks for all connections of which `is_worth_telling`; older kernels send all that there are.
bytes encode_dump();
/// Asks for one connection.
bytes encode_query(key const& k);
/// Enters a connection whose source is translated, as `e` says, with no history: windows are not checked. Of `e.status`
/// nothing counts. Refused with EEXIST when either tuple is known.
bytes encode_creation(entry const& e);
/// Makes state and timeout of a known connection those of `e`, and windows unchecked. Its translation stays.
bytes encode_update(entry const& e);
/// Removes the connection with these packets in either direction.
bytes encode_removal(std::uint8_t protocol, tuple const& packets);

/// A message about one connection: an answer to a query or a dump, or a notice. Nothing when it is malformed, of a
/// protocol other than TCP, UDP and SCTP, or of a zone, which rules of ours never use.
std::optional<change> decode(byte_span message);

} // namespace balance::conntrack
