// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "namespace.hpp"

#include <cluster/node.hpp>

#include <sys/types.h>

namespace lab {

/// A node in a process of its own, to be killed or stopped, and a server that answers on its first floating IP.
class node_process {
public:
    node_process(network_namespace const& where, cluster::node_settings const& s);
    node_process(node_process const&) = delete;
    node_process& operator=(node_process const&) = delete;
    /// Kills it.
    ~node_process();

    void signal(int number) const;
    /// Kills it with SIGKILL and waits until it is gone.
    void kill();

private:
    pid_t pid_ = -1;
};

} // namespace lab
