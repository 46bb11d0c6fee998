// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/dialogue.hpp"

#include <balance/service.hpp>

#include <cstddef>
#include <memory>
#include <string_view>

namespace balance::probe {

/// As many random bytes as the greediest of them takes.
inline constexpr std::size_t dialogue_randomness = 18;

/// What speaks the protocol of such a check: nothing for kinds that need no dialogue, or one of their own.
/// `random`: `dialogue_randomness` bytes that nobody can foresee.
[[nodiscard]] std::unique_ptr<dialogue> make_dialogue(health_check const& c, endpoint const& target, std::string_view random);

} // namespace balance::probe
