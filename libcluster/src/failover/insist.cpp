// SPDX-License-Identifier: Apache-2.0
#include "failover/insist.hpp"

#include <cstdio>
#include <cstdlib>

namespace cluster::failover {

void broken(char const* rule) noexcept {
    std::fprintf(stderr, "the failover machine broke its own rule: %s\n", rule);
    std::abort();
}

} // namespace cluster::failover
