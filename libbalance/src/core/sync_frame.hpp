// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

/// The Ethernet frames in which the kernel's IPVS sync daemons speak to each other: a UDP datagram of IPv4 to
/// 224.0.0.81, port 8848 (the defaults of linux/ip_vs.h), without fragments.
namespace balance::ipvs {

/// Longest datagram that is carried: what fits into a frame of 1,500 bytes.
inline constexpr std::size_t longest_sync_datagram = 1472;

/// The datagram within a frame, or nothing when the frame is anything else (neighbour discovery, group reports). The
/// result points into `frame`. Pure.
std::optional<std::span<std::byte const>> sync_datagram_of(std::span<std::byte const> frame);

/// The frame that brings a datagram of at most `longest_sync_datagram` bytes to a sync daemon, as if `source` had sent
/// it; empty when it is longer or empty. Pure.
std::vector<std::byte> sync_frame_of(std::span<std::byte const> datagram, boost::asio::ip::address_v4 source);

} // namespace balance::ipvs
