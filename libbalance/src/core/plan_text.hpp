// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/plan_desired.hpp"
#include "core/plan_table.hpp"

#include <string>
#include <string_view>

/// What a change says in the log.
namespace balance::ipvs {

std::string text_of_added(desired_service const& s);
/// "service A 10.0.0.1:80/tcp: scheduler wrr -> wlc, persistence none -> 300 s"
std::string text_of_changed(std::string_view name, service const& was, service const& is);
std::string text_of_removed(std::string_view name, service_key const& key);

std::string text_of_added(desired_destination const& d);
/// "server EA1 10.0.0.2:80: weight 100 -> 0 (down)"
std::string text_of_changed(desired_destination const& d, destination const& was);
std::string text_of_removed(destination const& d);

} // namespace balance::ipvs
