// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <cluster/replicator.hpp>

#include <config/config.hpp>
#include <string>
#include <vector>

namespace dyad {

/// The configuration in force: a generation, understood. Version {0, 0}: nothing was applied yet.
struct running_config {
    cluster::generation generation;
    cluster::sha256 hash{};
    config::cluster_config cluster;
};

/// Name of the generation's file that holds the allocated firewall marks, one "name mark" a line.
inline constexpr char const* marks_file = "marks";
inline constexpr char const* cluster_file = "cluster.toml";

/// The bytes of a file of the generation; empty when there is none.
std::string_view file_of(cluster::generation const& g, std::string_view name);

/// Parses what a generation carries. Errors: `invalid_configuration` with every fault, a line each.
balance::result<running_config> understand(cluster::generation g);

/// A generation that follows `before` and says `cluster_text`: services that had a mark keep it.
/// Errors: `invalid_configuration` with every fault, a line each.
balance::result<cluster::generation> next_generation(cluster::generation const& before, std::string cluster_text,
                                                     config::surroundings const& around, std::string applied_by,
                                                     std::int64_t applied_at);

/// One object that differs between two configurations, for `dyad plan` and `dyad apply`.
struct config_change {
    std::string object; ///< "service EA_XDS_Service", "service … server EA1", "heartbeat"
    std::string change; ///< "add", "remove", "change"
    std::string text;   ///< what, from what to what
};

/// What applying `after` over `before` would change, object by object. Pure.
std::vector<config_change> differences(config::cluster_config const& before, config::cluster_config const& after);

/// Puts the floating IPs on interfaces: a network's where one is named, else none (found by subnet later).
std::vector<cluster::floating_address> place(config::cluster_config const& c, config::node_config const& self);

} // namespace dyad
