// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/shared_document.hpp>

#include <map>
#include <string>
#include <vector>

namespace cluster::replicate {

/// Shared documents by name. Merging is commutative, associative and idempotent, so that both nodes end with the same
/// whatever was sent in whichever order.
class documents {
public:
    /// A peer cannot make us hold more of them.
    static constexpr std::size_t max_count = 1024;

    /// Keeps `d` if it is newer than what is held under its name: greater stamp, then greater writer; equal in both, the
    /// greater bytes, so that a writer that used a stamp twice cannot make the nodes differ. True when it was kept.
    bool merge(shared_document d);
    [[nodiscard]] std::vector<shared_document> all() const;

private:
    std::map<std::string, shared_document> held_;
};

} // namespace cluster::replicate
