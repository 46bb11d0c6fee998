// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/plan_desired.hpp"

#include <balance/error.hpp>

#include <optional>
#include <string>

namespace balance::firewall {

/// Our nftables table in the network namespace of the calling thread, written and read by running nft.
class nft_table {
public:
    /// Makes the table hold exactly these rules, in one transaction; no rules, no table. True when something was
    /// written: nothing is when the table already says so, and what others changed in it is put back. Errors:
    /// `not_found` without nft, `not_permitted`, `not_supported`, `timed_out`, `io_error`.
    result<bool> apply(ipvs::packet_rules const& rules);

private:
    result<std::string> list() const;

    std::optional<std::string> written_; ///< what we wrote last; empty: no table
    std::string listed_;                 ///< how nft showed it right after that
};

} // namespace balance::firewall
