// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <boost/json/object.hpp>

#include <string>
#include <vector>

// What a drill reads off `/v1/status`. Pure.
namespace dyad::cli {

/// Why no drill may begin now, in a sentence; empty: it may.
[[nodiscard]] std::string hindrance(boost::json::object const& status);

/// One TCP port of each service that serves, 16 at most.
[[nodiscard]] std::vector<balance::endpoint> targets_of(boost::json::object const& status);

/// The floating addresses, 16 at most.
[[nodiscard]] std::vector<balance::address> floating_of(boost::json::object const& status);

/// The process of that name; -1: none runs.
[[nodiscard]] std::int64_t process_of(boost::json::object const& status, std::string_view name);

} // namespace dyad::cli
