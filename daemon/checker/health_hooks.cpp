// SPDX-License-Identifier: Apache-2.0
#include "checker/health_hooks.hpp"

#include <balance/text.hpp>

#include <utility>

namespace dyad {

void health_hooks::configure(std::span<balance::virtual_service const> services, std::string common,
                             std::span<balance::server_state const> known) {
    common_ = std::move(common);
    auto const before = std::exchange(places_, {});
    for (auto const& service : services) {
        for (auto const& server : service.servers) {
            balance::server_key const key{service.name, server.name};
            std::uint16_t const port = server.port != 0 || service.ports.empty() ? server.port : service.ports.front().first;
            auto const old = before.find(key);
            places_[key] = {service.on_change, {server.address, port}, old == before.end() ? balance::health::unknown : old->second.health};
        }
    }
    for (auto const& state : known) {
        if (auto const it = places_.find(state.key); it != places_.end() && !before.contains(state.key)) {
            it->second.health = state.health;
        }
    }
}

std::vector<balance::change_hooks::call> health_hooks::of(balance::health_event const& event) {
    auto const it = places_.find(event.key);
    if (it == places_.end() || it->second.health == event.health) {
        return {};
    }
    auto const before = std::exchange(it->second.health, event.health);
    std::vector<balance::change_hooks::call> out;
    for (auto const* command : {&it->second.hook, &common_}) {
        if (command->empty()) {
            continue;
        }
        std::string const now(balance::to_string(event.health));
        out.push_back({*command,
                       {event.key.service, event.key.server, now},
                       {{"DYAD_SERVICE", event.key.service},
                        {"DYAD_SERVER", event.key.server},
                        {"DYAD_ADDRESS", it->second.server.address.to_string()},
                        {"DYAD_PORT", std::to_string(it->second.server.port)},
                        {"DYAD_HEALTH", now},
                        {"DYAD_HEALTH_BEFORE", std::string(balance::to_string(before))},
                        {"DYAD_REASON", event.last.reason}}});
    }
    return out;
}

} // namespace dyad
