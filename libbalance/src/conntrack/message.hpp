// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conntrack/entry.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

/// What a node tells its peer of the connections whose source it translates; docs/PROTOCOL.md has the bytes. Pure.
namespace balance::conntrack {

/// Some changes; or a part of all connections that there are, for the peer to forget what is not among them.
struct message {
    bool all = false;   ///< a part of all of them
    bool first = false; ///< of these, the first part
    bool last = false;  ///< of these, the last part
    std::vector<change> changes;

    bool operator==(message const&) const = default;
};

/// In as many messages as it takes, none when there is nothing to tell.
std::vector<std::vector<std::byte>> encode_changes(std::span<change const> changes);
/// One message at least. Unless they are `complete` none is the last part, so that the peer forgets nothing.
std::vector<std::vector<std::byte>> encode_all(std::span<entry const> entries, bool complete);

/// Nothing when it is malformed. Of `entry::status` nothing is told.
std::optional<message> decode_message(std::span<std::byte const> in);

} // namespace balance::conntrack
