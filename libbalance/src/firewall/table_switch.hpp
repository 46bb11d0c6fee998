// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "firewall/chain_rules.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
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

    /// Those of `awake` wake, and forget which connections began while they were awake before. Errors: `io_error`; when
    /// a table of `taken` is not there, nothing is done.
    result<> set(std::span<chain_table const> tables, daisy_chain::side awake);

    /// How many chains and sets the table has; nothing when it is not there. Errors: `io_error`.
    result<std::optional<std::uint32_t>> contents(chain_table t);

private:
    explicit table_switch(int fd) : fd_(fd) {}

    /// Sends, and reads until `missing` messages were acknowledged or one was refused: the errno of that. `each` sees
    /// every other message's attributes.
    result<int> ask(std::vector<std::byte> const& packet, std::size_t missing,
                    std::function<void(std::span<std::byte const>)> const& each);

    int fd_;
    std::uint32_t sequence_ = 0;
};

/// The transaction (linux/netfilter/nf_tables.h, nfnetlink.h), all messages with one sequence number. Pure.
std::vector<std::byte> encode_switch(std::span<chain_table const> tables, daisy_chain::side awake,
                                     std::uint32_t sequence);
/// How many of its messages are acknowledged. Pure.
std::size_t acknowledged(std::span<chain_table const> tables, daisy_chain::side awake) noexcept;

} // namespace balance::firewall
