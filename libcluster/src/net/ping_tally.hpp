// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/types.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cluster::net {

/// An ICMP echo message without data, 8 bytes (RFC 792, RFC 4443 section 4.1).
using echo_message = std::array<std::uint8_t, 8>;

/// The checksum is filled in for IPv4; for IPv6 the kernel does it.
[[nodiscard]] echo_message echo_request(bool v4, std::uint16_t identifier, std::uint16_t sequence) noexcept;

struct echo_reply {
    std::uint16_t identifier = 0;
    std::uint16_t sequence = 0;

    bool operator==(echo_reply const&) const = default;
};
/// Reads what a raw ICMP socket delivers: in IPv4 the IP header comes first. Nothing when it is no echo reply.
[[nodiscard]] std::optional<echo_reply> read_echo_reply(bool v4, std::span<std::uint8_t const> bytes) noexcept;

/// Which ping nodes answer. Pure: sent and received pings go in. A node answers as long as something was answered that it was
/// asked within `memory`.
class ping_tally {
public:
    using time_point = std::chrono::steady_clock::time_point;
    /// Three regular rounds, of one second each.
    static constexpr std::chrono::milliseconds memory{3500};

    explicit ping_tally(std::vector<address> nodes) : nodes_(std::move(nodes)), answered_(nodes_.size()) {}

    [[nodiscard]] std::vector<address> const& nodes() const noexcept { return nodes_; }
    /// A round of pings begins; its number goes into the pings.
    std::uint16_t begin_round(time_point now) noexcept;
    /// When that was asked; nothing unless `from` was asked within `memory` and the last 256 rounds.
    std::optional<time_point> receive(address const& from, std::uint16_t sequence, time_point now) noexcept;
    [[nodiscard]] std::uint8_t answering(time_point now) const noexcept;

private:
    std::vector<address> nodes_;
    std::vector<std::optional<time_point>> answered_; ///< when the newest round was asked that it answered
    std::array<time_point, 256> asked_{};             ///< by the lowest byte of a round's number
    std::uint16_t round_ = 0;
};

} // namespace cluster::net
