// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <array>
#include <compare>
#include <cstdint>
#include <span>

namespace balance::conntrack {

/// Where a connection's packets of one direction come from and go to.
struct tuple {
    endpoint source;
    endpoint destination;

    bool operator==(tuple const&) const = default;
    std::strong_ordering operator<=>(tuple const&) const noexcept = default;
};

/// What the kernel tells connections apart by.
struct key {
    std::uint8_t protocol = 0; ///< 6 TCP, 17 UDP, 132 SCTP
    tuple original;            ///< as the client sends: to the service

    bool operator==(key const&) const = default;
    std::strong_ordering operator<=>(key const&) const noexcept = default;
};

/// A connection that the kernel tracks.
struct entry {
    conntrack::key key;
    tuple reply;                         ///< as the server sends: to the translated address and port
    std::uint8_t state = 0;              ///< TCP, SCTP: a number of the kernel's; else 0
    std::array<std::uint32_t, 2> tags{}; ///< SCTP: the verification tags of both directions; else 0
    std::uint32_t timeout = 0;           ///< seconds that are left if no packet comes
    std::uint32_t status = 0;            ///< IPS_ bits of linux/netfilter/nf_conntrack_common.h

    bool operator==(entry const&) const = default;
};

/// What happened to a connection: it is as the entry says, or it is over.
struct change {
    conntrack::entry entry;
    bool gone = false;

    bool operator==(change const&) const = default;
};

/// Is its source translated, and is it assured, as the kernel calls it: both sides have spoken, and it would not be
/// dropped first for want of room? Its status is what counts.
bool is_worth_telling(entry const& e) noexcept;
/// Is it that, and is the source that the server sees one of these?
bool is_translated(entry const& e, std::span<address const> sources);

/// Has it ended, although the kernel remembers it for a while? Its state is what counts.
bool is_over(entry const& e) noexcept;

} // namespace balance::conntrack
