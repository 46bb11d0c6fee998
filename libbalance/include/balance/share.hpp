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

/// A server's maximum of connections when its agent names one, too: the smaller; 0: none.
[[nodiscard]] constexpr std::uint32_t agreed_maximum(std::uint32_t configured, std::uint32_t of_agent) noexcept {
    return configured == 0 || (of_agent != 0 && of_agent < configured) ? of_agent : configured;
}

/// The configuration with the weights and maxima of connections that the servers' agents allow.
[[gnu::visibility("default")]] configuration with_shares(configuration c, std::span<server_state const> states);

} // namespace balance
