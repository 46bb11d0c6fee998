// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/types.hpp>

#include <cstdint>
#include <string>

namespace cluster {

/// A small document that both nodes share; the newest (stamp, then greater node id) wins. Drain and halt states are one.
struct shared_document {
    std::string name;        ///< 1 to 128 bytes
    std::uint64_t stamp = 0; ///< grows with each change; seconds since 1970 or a counter
    node_id writer = node_id::none;
    std::string bytes;

    bool operator==(shared_document const&) const = default;
};

} // namespace cluster
