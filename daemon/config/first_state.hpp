// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

namespace dyad::config {

/// What is known of a server that nobody has looked at yet.
inline balance::health first_health(balance::health_check const& check) noexcept {
    using kind = balance::health_check::kind;
    return check.type == kind::on    ? balance::health::up
           : check.type == kind::off ? balance::health::down
                                     : balance::health::unknown;
}

} // namespace dyad::config
