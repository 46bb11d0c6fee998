// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <functional>
#include <set>

namespace dyad::config {

/// Where the layer-7 services of a configuration that this build can serve listen. Pure.
std::set<balance::endpoint> endpoints_of(balance::configuration const& c);

/// Where the page must answer for layer-4 services with `fallback = "local"`: on each one's address, where the kernel
/// sends their clients. Pure.
std::set<balance::endpoint> page_endpoints(balance::configuration const& c);

/// The same configuration with only those layer-7 ports that `has` says are there. Pure.
balance::configuration restrict_to(balance::configuration c, std::function<bool(balance::endpoint const&)> const& has);

} // namespace dyad::config
