// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/confirmation.hpp"
#include "cluster/connection_relay.hpp"
#include "cluster/peer_health.hpp"
#include "cluster/running_config.hpp"
#include "cluster/server_states.hpp"
#include "cluster/translation_relay.hpp"

#include <balance/status.hpp>
#include <cluster/node.hpp>
#include <cluster/replicator.hpp>

#include <boost/json/object.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dyad {

/// One of our processes, as the guardian tells it.
struct process_info {
    std::string name;
    std::int64_t pid = 0;
    std::uint64_t restarts = 0;
    std::int64_t since_ms = 0; ///< monotonic
    std::string reason;        ///< how the one before it ended; empty for the first
};

/// A proxy process that was replaced and finishes what it has.
struct retiring_proxy {
    std::int64_t pid = 0;
    std::int64_t since_ms = 0; ///< monotonic
    std::uint64_t connections = 0;
};

/// All that `dyad status` shows, gathered. References live as long as the call.
struct overview {
    config::node_config const& self;
    cluster::node_id role = cluster::node_id::primary; ///< which of the two it is now
    cluster::node_status const& node;
    running_config const& running;
    server_states const& servers;
    dyad::peer_health const& peer_health;
    std::vector<balance::service_status> const& layer4;
    std::vector<balance::service_status> const& layer7;
    balance::percentiles checks_late{}; ///< by how much health checks began late, in the last 10 s
    std::map<std::string, std::string> const& not_listening; ///< "address port n" -> why
    std::vector<process_info> const& processes;
    std::vector<retiring_proxy> retiring_proxies{};
    cluster::replicator_status const* replication = nullptr; ///< null: a single node
    std::size_t remembered_clients = 0; ///< entries of layer 7's persistence tables
    bool tables_in_sync = false;        ///< both nodes have each other's
    connection_relay const* relay = nullptr; ///< null: connections are not kept alike
    std::string relay_error;
    translation_relay::numbers translations{}; ///< of snat services
    std::string key_waits_for{}; ///< empty: the pair's key is not being replaced
    bool ready = false;
    std::string config_dir;
    std::optional<awaited_confirmation> unconfirmed{}; ///< the running configuration goes back by itself
    std::chrono::milliseconds confirm_left{0};
    std::string edited; ///< empty, or what is to be said of files that differ from what runs
    std::int64_t started_ms = 0;
    std::int64_t now_ms = 0; ///< monotonic
};

/// The document of GET /v1/status. Pure.
boost::json::object to_json(overview const& o);

} // namespace dyad
