// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "coverage.hpp"
#include "referee.hpp"
#include "world.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace sim {

struct outcome {
    std::uint64_t hash = 0; ///< of everything that was done: the same for the same seed
    std::optional<violation> found;
    coverage covered;
};

/// One life of a pair: faults, then peace. In peace it has to settle, to stay settled and to obey its operator.
/// `trace` may be null.
outcome run(std::uint64_t seed, int seconds, std::string* trace, world::detail detail);

} // namespace sim
