// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conntrack/kernel.hpp"
#include "conntrack/message.hpp"

#include <cstddef>
#include <map>
#include <vector>

namespace balance::conntrack {

/// Enters what the peer tells into this kernel's connection tracking.
///
/// A node that serves the connections itself knows better: then only what is missing is entered.
class restorer {
public:
    explicit restorer(kernel& k) : kernel_(&k) {}

    struct outcome {
        std::size_t entered = 0;
        std::size_t refused = 0; ///< by the kernel, whose table may be full
        int why = 0;             ///< errno of one that was refused
    };

    /// Connections whose source is translated to none of `sources` are passed over. Errors: those of `kernel`.
    result<outcome> take(message const& m, std::span<address const> sources, bool serving);

private:
    /// Remembers what is here when the peer begins to tell all.
    result<> begin_all(std::span<address const> sources);
    /// Removes what the peer did not tell.
    result<> end_all();
    result<> remove(std::span<entry const> gone);
    result<> enter(std::vector<entry> const& kept, bool serving, outcome& out);
    result<> create(std::span<entry const> entries, bool serving, outcome& out);
    /// For one whose packets the kernel knows already, in one direction or both.
    result<> resolve(entry const& e, bool serving, outcome& out);

    kernel* kernel_;
    std::map<key, tuple>
        untold_; ///< while the peer tells all: connections here that it has not told yet, and their replies
};

} // namespace balance::conntrack
