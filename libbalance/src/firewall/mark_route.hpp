// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <cstdint>

namespace balance::firewall {

/// Routing tables, and priorities of the rules that lead to them: our heartbeat port, so that who lists them knows whose they
/// are, and the next.
inline constexpr std::uint32_t given_table = 6694;
inline constexpr std::uint32_t borrowed_table = 6695;

/// Packets with this mark are for this machine, whatever their destination: a routing rule and a table with one local
/// route, for IPv4 and, where it is there, IPv6. Others' rules and routes are left alone. True when something had to be
/// done for it. Errors: `not_permitted`, `io_error`.
result<bool> deliver_locally(std::uint32_t mark, std::uint32_t table);
/// The opposite.
void undo_deliver_locally(std::uint32_t mark, std::uint32_t table);

} // namespace balance::firewall
