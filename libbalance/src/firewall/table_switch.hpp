// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "firewall/chain_rules.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace balance::firewall {

/// Wakes tables and puts others to sleep, in one transaction: the rules of a sleeping table see no packets.
class table_switch {
public:
    static result<table_switch> open();
    ~table_switch();
    table_switch(table_switch&& other) noexcept;
    table_switch& operator=(table_switch&&) = delete;

    /// All of `tables` exist; those of `awake` wake. Errors: `io_error`.
    result<> set(std::span<chain_table const> tables, daisy_chain::side awake);

private:
    explicit table_switch(int fd) : fd_(fd) {}

    int fd_;
};

/// The transaction (linux/netfilter/nf_tables.h, nfnetlink.h). Pure.
std::vector<std::byte> encode_switch(std::span<chain_table const> tables, daisy_chain::side awake);

} // namespace balance::firewall
