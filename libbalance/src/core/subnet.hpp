// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <span>

namespace balance::core {

/// The address with all but its first `length` bits 0; a length beyond the address's bits leaves it as it is.
[[nodiscard]] address masked(address const& a, unsigned length) noexcept;

/// Does one of them hold the address?
[[nodiscard]] bool holds(std::span<subnet const> list, address const& a) noexcept;

} // namespace balance::core
