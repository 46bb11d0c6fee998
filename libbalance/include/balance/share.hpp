// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <cstdint>
#include <span>

namespace balance {

/// A server's weight when its agent allows this share of it, in per cent: at least 1 unless one of the two is 0.
[[nodiscard]] constexpr std::uint16_t shared_weight(std::uint16_t weight, std::uint16_t share) noexcept {
    auto const part = static_cast<std::uint16_t>(std::uint32_t{weight} * (share < 100 ? share : 100) / 100);
    return part == 0 && weight != 0 && share != 0 ? std::uint16_t{1} : part;
}

/// The configuration with the weights that the servers' agents allow.
[[gnu::visibility("default")]] configuration with_shares(configuration c, std::span<server_state const> states);

} // namespace balance
