// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conntrack/entry.hpp"

#include <cstddef>
#include <map>
#include <vector>

namespace balance::conntrack {

/// Changes that the peer has not been told of yet: of each connection the newest. Pure.
class pending_changes {
public:
    /// No more than this; the rest is as good as lost.
    explicit pending_changes(std::size_t most = 65'536) : most_(most) {}

    /// False when there is no room. One that has ended is gone, whatever the kernel still remembers of it.
    [[nodiscard]] bool add(change c);
    /// All of them, those that are gone first: a new connection may have their translation. None are left.
    [[nodiscard]] std::vector<change> take();
    void forget() noexcept { changes_.clear(); }
    [[nodiscard]] bool empty() const noexcept { return changes_.empty(); }

private:
    std::size_t most_;
    std::map<key, change> changes_;
};

} // namespace balance::conntrack
