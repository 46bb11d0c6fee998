// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <string>
#include <vector>

namespace dyad::cli {

/// What `dyad init` knows of the machine it runs on.
struct machine {
    struct interface_address {
        std::string interface;
        balance::address address;
    };
    std::string hostname;
    std::vector<interface_address> addresses; ///< of interfaces that are up, without loopback and link-local ones
};

machine this_machine();

/// A node.toml and a cluster.toml for it that are valid as they are, with what must be filled in commented out. Pure.
std::string first_node_file(machine const& m);
std::string first_cluster_file(machine const& m);

} // namespace dyad::cli
