// SPDX-License-Identifier: Apache-2.0
// Which frames are answers: programs that the kernel runs on each frame, so that a busy node's traffic stays in it.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace balance::doctor {

/// Passes ARP replies to this machine, as whole Ethernet frames.
std::vector<sock_filter> arp_replies();

/// Passes what this machine is told on TCP `port`: SYN with ACK, or RST; of IPv4, no later fragments. What is forwarded,
/// for others or sent does not pass.
std::vector<sock_filter> tcp_replies(std::uint16_t port);

} // namespace balance::doctor
