// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <cluster/pairing.hpp>

#include <config/config.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dyad {

/// How far `dyad pair` is, for who asks again and again.
struct pairing_progress {
    enum class phase { idle, working, done, failed };
    phase now = phase::idle;
    std::vector<std::string> steps;
    std::string error;
};

/// A node as it is before it has a peer.
struct lone_node {
    std::string name;
    std::uint16_t heartbeat_port = 0;
    std::uint16_t replication_port = 0;
    std::vector<std::string> links; ///< names of those that node.toml has, sorted
    bool has_pair = false;
    std::size_t services = 0;
};

/// Why this node cannot become the secondary of one that introduces itself like that; empty: it can. Pure.
std::string objection(lone_node const& self, cluster::pairing_introduction const& other);
/// Why it cannot become anybody's secondary; empty: it can. Pure.
std::string objection(lone_node const& self);

/// The link that is made of the addresses which were used to pair. Pure but for the interface, which the caller knows.
cluster::link_settings pairing_link(balance::address const& local, balance::address const& peer, std::string interface);

/// This machine's interface with that address; empty: none.
std::string interface_with(balance::address const& a);
/// The addresses on which another machine can reach this one, without `floating` ones.
std::vector<balance::address> own_addresses(std::vector<balance::address> const& floating);

/// Writes what makes a node one of a pair: pair.toml, then the key. Errors: `already_exists` when there is a key,
/// `io_error`; nothing has changed then.
balance::result<> join_pair(std::filesystem::path const& config_dir, config::pair_config const& pair,
                            cluster::key const& key);
/// The same for a node that gets all from its primary: what it applied and what operators said of its servers is set
/// aside, so that none of it can come to the primary.
balance::result<> join_as_secondary(std::filesystem::path const& config_dir, std::filesystem::path const& state_dir,
                                    config::pair_config const& pair, cluster::key const& key);

/// The reverse of `join_pair`: the node is alone from its next start on, with all that it has. Errors: `io_error`.
balance::result<> leave_pair(std::filesystem::path const& config_dir);
/// The same for the node that shall serve nothing: its configuration is set aside first. Certificates stay.
balance::result<> leave_pair_empty(std::filesystem::path const& config_dir, std::filesystem::path const& state_dir);

} // namespace dyad
