// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>

namespace fuzz {

/// What a fuzzing engine notices, with whatever it is built.
inline void insist(bool ok) {
    if (!ok)
        std::abort();
}

} // namespace fuzz
