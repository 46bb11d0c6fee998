// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <set>
#include <utility>
#include <vector>

namespace dyad::config {

/// What is known of a server that nobody has looked at yet.
inline balance::health first_health(balance::health_check const& check) noexcept {
    using kind = balance::health_check::kind;
    return check.type == kind::on    ? balance::health::up
           : check.type == kind::off ? balance::health::down
                                     : balance::health::unknown;
}

/// The states that are `known`, and those of servers of which no more is known than their check says unasked: what
/// `server_states::unusual` leaves out. Those that are unknown stay unmentioned.
inline std::vector<balance::server_state> with_usual(std::vector<balance::server_state> known,
                                                     std::vector<balance::virtual_service> const& services) {
    std::set<balance::server_key> said;
    for (auto const& state : known) {
        said.insert(state.key);
    }
    for (auto const& service : services) {
        auto const health = first_health(service.check);
        if (health == balance::health::unknown) {
            continue;
        }
        for (auto const& server : service.servers) {
            if (balance::server_key key{service.name, server.name}; !said.contains(key)) {
                known.push_back({std::move(key), health});
            }
        }
    }
    return known;
}

} // namespace dyad::config
