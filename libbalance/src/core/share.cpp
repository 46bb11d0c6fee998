// SPDX-License-Identifier: Apache-2.0
#include <balance/share.hpp>

#include <map>
#include <utility>

namespace balance {

configuration with_shares(configuration c, std::span<server_state const> states) {
    std::map<server_key, server_state const*> lowered;
    for (auto const& s : states) {
        if (s.share < 100 || s.most_connections != 0) {
            lowered.emplace(s.key, &s);
        }
    }
    if (lowered.empty()) {
        return c;
    }
    for (auto& service : c.services) {
        for (auto& server : service.servers) {
            if (auto const found = lowered.find({service.name, server.name}); found != lowered.end()) {
                server.weight = shared_weight(server.weight, found->second->share);
                server.max_connections = agreed_maximum(server.max_connections, found->second->most_connections);
            }
        }
    }
    return c;
}

} // namespace balance
