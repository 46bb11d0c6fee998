// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/status.hpp"

#include <balance/doctor.hpp>

#include <boost/json/array.hpp>

#include <string>
#include <vector>

namespace dyad {

/// What the status of the pair and of the services tells of things to mend. Pure.
std::vector<balance::finding> pair_findings(overview const& o);

/// Both lists, without what is in them twice; only what `concerns` the service when one is named. Pure.
std::vector<balance::finding> merged(std::vector<balance::finding> first, std::vector<balance::finding> const& then,
                                     std::string const& service);

/// The findings of POST /v1/doctor. Pure.
boost::json::array to_json(std::vector<balance::finding> const& findings);

} // namespace dyad
