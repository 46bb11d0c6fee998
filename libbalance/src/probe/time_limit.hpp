// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <string_view>

namespace balance::probe {

/// Is a run that waits for this still without a connection to speak on?
[[nodiscard]] constexpr bool is_connecting(std::string_view awaited) noexcept {
    return awaited == "connection" || awaited == "TLS handshake";
}

/// After so much time a run is looked after first.
[[nodiscard]] constexpr milliseconds first_limit(health_check const& c) noexcept {
    return c.connect_timeout.count() != 0 ? c.connect_timeout : c.timeout;
}

/// Does a run that waits for `awaited` when `limit` is over end there? Else it has until its timeout.
[[nodiscard]] constexpr bool ends_run(health_check const& c, milliseconds limit, std::string_view awaited) noexcept {
    return limit >= c.timeout || is_connecting(awaited);
}

} // namespace balance::probe
