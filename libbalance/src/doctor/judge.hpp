// SPDX-License-Identifier: Apache-2.0
// What was seen, turned into sentences. Pure.
#pragma once

#include "doctor/inquiry.hpp"
#include "doctor/machine.hpp"

#include <balance/doctor.hpp>

#include <vector>

namespace balance::doctor {

std::vector<finding> judge(machine_facts const& m, ipvs::desired_table const& desired);

/// Of the service as a whole, then of its servers.
std::vector<finding> judge(service_view const& view, surroundings const& around);

} // namespace balance::doctor
