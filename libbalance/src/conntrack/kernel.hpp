// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conntrack/codec.hpp"

#include <balance/error.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace balance::conntrack {

/// As many as the kernel usually has room for; they take some 250 bytes each.
inline constexpr std::size_t most_dumped = 262'144;

/// The kernel's connection tracking as `restorer` needs it; `channel` is the real one, tests bring their own.
class kernel {
public:
    kernel() = default;
    kernel(kernel const&) = delete;
    kernel& operator=(kernel const&) = delete;
    virtual ~kernel() = default;

    /// Sends requests of the codec and returns an errno for each, 0 when it was done. Errors: `not_permitted`,
    /// `not_supported`, `io_error`.
    virtual result<std::vector<int>> write(std::span<bytes const> requests) = 0;
    /// A connection, if there is one. Errors: as `write`.
    virtual result<std::optional<entry>> find(key const& k) = 0;
    /// The connections of which `is_worth_telling`, of very many the first `most_dumped`. Errors: as `write`.
    virtual result<std::vector<entry>> dump() = 0;
};

} // namespace balance::conntrack
