// SPDX-License-Identifier: Apache-2.0
// Which of a service's servers a request may go to. Pure.
#pragma once

#include <balance/service.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace balance::core::http {

/// A Host without its port, and without a dot at its end: "[::1]:8080" is "[::1]".
std::string_view host_of(std::string_view host) noexcept;

/// Would every server find the same path in this target? Not with "." and ".." between slashes, doubled slashes (";x" alone
/// between them, too), backslashes, or any of these or ";" written as %2e, %2f, %5c, %3b: some servers take them for what they
/// stand for, and others do not.
bool has_one_reading(std::string_view target) noexcept;

/// The first route that fits, by its index. `host` may have a port, `target` a query; "%41" fits as "A" does, and ";x=1" at the
/// end of a segment does not count, because servers read them so.
std::optional<std::size_t> route_of(std::span<http_route const> routes, std::string_view host, std::string_view target) noexcept;

} // namespace balance::core::http
