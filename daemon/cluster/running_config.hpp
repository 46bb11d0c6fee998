// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <cluster/replicator.hpp>

#include <config/cluster_reader.hpp>
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
/// Name of the generation's file that says which node owns the configuration, by the role it was paired with; without it
/// the primary does. Only `dyad promote` changes it.
inline constexpr char const* owner_file = "owner";

/// The bytes of a file of the generation; empty when there is none.
std::string_view file_of(cluster::generation const& g, std::string_view name);

/// Parses what a generation carries, which is quick where `reader` has just read much the same. Errors: `invalid_configuration` with every fault, a line each.
balance::result<running_config> understand(cluster::generation g, config::cluster_reader& reader);

/// A generation that follows `before` and says `cluster_text`: services that had a mark keep it.
/// Errors: `invalid_configuration` with every fault, a line each.
balance::result<cluster::generation> next_generation(cluster::generation const& before, std::string cluster_text,
                                                     config::surroundings const& around, std::string applied_by,
                                                     std::int64_t applied_at, config::cluster_reader& reader);

/// One object that differs between two configurations, for `dyad plan` and `dyad apply`.
struct config_change {
    std::string object; ///< "service EA_XDS_Service", "service … server EA1", "heartbeat"
    std::string change; ///< "add", "remove", "change"
    std::string text;   ///< what, from what to what
};

/// What applying `after` over `before` would change, object by object. Pure.
std::vector<config_change> differences(config::cluster_config const& before, config::cluster_config const& after);
/// The same with the files that go with it: certificates.
std::vector<config_change> differences(running_config const& before, running_config const& after);
/// "+ service a; ~ service b server x (weight: 100 -> 7); - certificate old", some dozen objects at most.
std::string in_short(std::vector<config_change> const& changes);

/// Is this file of a generation one of the operator's, which replication writes into the peer's directory?
bool is_operators(std::string_view file) noexcept;
cluster::node_id owner_of(cluster::generation const& g);
void set_owner(cluster::generation& g, cluster::node_id owner);
/// Do both say the same, and belong to the same node? The allocated marks are not compared: they only grow.
bool same_content(cluster::generation const& a, cluster::generation const& b);
std::string hex(cluster::sha256 const& hash);
/// "1.17".
std::string version_text(cluster::config_version v);
/// The version that an operator names as "17" or "1.17", among those that are kept. Errors: `not_found`, `refused` when
/// several terms have that generation.
balance::result<cluster::config_version> find_version(std::string_view named,
                                                      std::vector<cluster::config_version> const& kept);

/// Puts the floating IPs on interfaces: a network's where one is named, else none (found by subnet later).
std::vector<cluster::floating_address> place(config::cluster_config const& c, config::node_config const& self);

} // namespace dyad
