// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dyad::cli {

/// One nf_tables transaction: a table of family netdev that drops all that these interfaces receive and send. It belongs to the
/// socket that sends it (NFT_TABLE_F_OWNER, Linux 5.12): the kernel takes it away when that is closed, however its
/// process ends. What an interface sends can be dropped since Linux 5.16. Pure.
///
/// Every message asks for an acknowledgement: so many come back, with 0 or an error.
struct link_cut {
    std::vector<std::uint8_t> bytes;
    std::size_t acknowledged = 0;
};
[[nodiscard]] link_cut cut_of(std::string const& table, std::vector<std::string> const& interfaces);

} // namespace dyad::cli
