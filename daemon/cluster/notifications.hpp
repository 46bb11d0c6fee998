// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/change_hooks.hpp>
#include <cluster/node.hpp>

#include <config/config.hpp>
#include <optional>
#include <string>
#include <vector>

namespace dyad {

/// The calls of this node's own programs ([notify] of node.toml) that changes of the node ask for. Pure.
class notifications {
public:
    explicit notifications(config::node_config const& self);

    /// How the node stands.
    struct standing {
        cluster::node_state state = cluster::node_state::listening;
        bool maintenance = false;
        std::string fault{}; ///< why it could not serve; empty: it could, or that is not known yet
        cluster::epoch epoch{};
        std::uint32_t term = 0; ///< of the configuration
    };

    /// None when what an operator calls its state is the one before, and while addresses are on their way.
    [[nodiscard]] std::optional<balance::change_hooks::call> stands(standing const& now, std::string const& reason,
                                                                    std::vector<cluster::floating_address> const& floating);
    /// For the addresses among `held` that were not on this node before.
    [[nodiscard]] std::optional<balance::change_hooks::call> holds(std::vector<cluster::floating_address> const& held,
                                                                   cluster::epoch const& epoch);

private:
    std::string name_;
    std::string on_state_;
    std::string on_address_;
    std::string state_ = "unknown";
    std::string on_its_way_; ///< why the addresses are being put on or taken off
    std::vector<cluster::floating_address> held_;
};

} // namespace dyad
