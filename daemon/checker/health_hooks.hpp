// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/change_hooks.hpp>
#include <balance/checker.hpp>

#include <map>
#include <span>
#include <string>
#include <vector>

namespace dyad {

/// The calls of operators' programs that a server's change of health asks for.
class health_hooks {
public:
    /// `common`: of all services, called after a service's own; empty: none. Health that is known stays known.
    void configure(std::span<balance::virtual_service const> services, std::string common, std::span<balance::server_state const> known);

    /// None when the health is the one before: events tell of agents, too.
    [[nodiscard]] std::vector<balance::change_hooks::call> of(balance::health_event const& event);

private:
    struct place {
        std::string hook; ///< of the service
        balance::endpoint server;
        balance::health health = balance::health::unknown;
    };

    std::map<balance::server_key, place> places_;
    std::string common_;
};

} // namespace dyad
