// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipvs/attributes.hpp"

#include <balance/error.hpp>

#include <set>
#include <string>

namespace balance::ipvs {

/// Which addresses there are, from the kernel's notices. Pure.
class address_ledger {
public:
    /// A datagram of rtnetlink. False when it holds nothing but renewals of addresses.
    bool take(byte_span datagram);

private:
    std::set<std::string> known_;
};

/// The kernel's notices of nftables rules, links, addresses and routing rules.
class network_events {
public:
    /// Errors: `io_error`.
    static result<network_events> open();
    ~network_events();
    network_events(network_events&& other) noexcept;
    network_events& operator=(network_events&& other) noexcept;

    [[nodiscard]] int routes() const noexcept { return routes_; }
    [[nodiscard]] int rules() const noexcept { return rules_; }
    /// Reads what has come, or the oldest of very much. False when that is nothing new.
    [[nodiscard]] bool drain();

private:
    network_events() = default;

    int routes_ = -1;
    int rules_ = -1;
    address_ledger addresses_;
};

} // namespace balance::ipvs
