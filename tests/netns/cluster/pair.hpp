// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "namespace.hpp"

#include <cluster/node.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace lab {

using namespace std::chrono_literals;
using cluster::milliseconds;
using clock = std::chrono::steady_clock;

/// Waits until `condition` holds; false when `limit` has passed.
[[nodiscard]] bool eventually(std::function<bool()> const& condition, milliseconds limit = 5s);

/// A node inside a namespace, with everything it told.
class player {
public:
    player(network_namespace const& where, cluster::node_settings s);
    ~player();

    cluster::node& node() { return *node_; }
    [[nodiscard]] cluster::node_status status() const { return node_->status(); }
    [[nodiscard]] cluster::node_state state() const { return node_->status().state; }
    [[nodiscard]] bool has_told(std::string const& words) const;
    [[nodiscard]] std::string story() const;
    /// Makes the request and waits for the answer; empty when it was granted.
    std::string take_over();
    std::string hand_over();
    std::string set_maintenance(bool on);

private:
    network_namespace const& where_;
    mutable std::mutex mutex_;
    std::string told_;
    std::unique_ptr<cluster::node> node_;
};

/// Two machines and a client on a switch: 10.9.0.1, .2 and .9, fd09::1, ::2 and ::9 on interface "data" of each.
struct machines {
    machines();
    network_namespace a;
    network_namespace b;
    network_namespace client;
    network_namespace sw;

    /// Settings for the node in `a` (primary) or `b`: one link over IPv4, timing 20/50/100 ms, the floating
    /// IP 10.9.0.100.
    [[nodiscard]] cluster::node_settings settings(cluster::node_id who) const;
    cluster::key key = cluster::key::generate();
};

[[nodiscard]] cluster::address at(char const* text);
[[nodiscard]] bool has_address(network_namespace const& n, std::string const& address);

} // namespace lab
