// SPDX-License-Identifier: Apache-2.0
#include "facade/node_settings_check.hpp"
#include "failover/flap_damper.hpp"

#include "wire/heartbeat.hpp"

#include <algorithm>
#include <set>

namespace cluster {
namespace {

using namespace std::chrono_literals;

void require(bool ok, std::string_view fault, std::string& faults) {
    if (!ok) {
        faults += faults.empty() ? "" : "; ";
        faults += fault;
    }
}

void check_timing(timing const& t, std::string& faults) {
    require(t.keepalive >= 1ms && t.keepalive <= 10s, "keepalive must be 1 ms to 10 s", faults);
    require(t.warntime > t.keepalive, "warntime must be longer than keepalive", faults);
    require(t.deadtime > 2 * t.keepalive, "deadtime must be longer than twice keepalive", faults);
    require(t.deadtime >= t.warntime, "deadtime must not be shorter than warntime", faults);
    require(t.flap_limit <= failover::flap_damper::most, "flap_limit must be at most 20", faults);
    require(t.initdead >= t.deadtime, "initdead must not be shorter than deadtime", faults);
}

void check_links(node_settings const& s, std::string& faults) {
    require(s.links.size() <= wire::max_links, "at most 8 links are possible", faults);
    require(s.links.empty() || s.self != node_id::none, "a node with links must be the primary or the secondary",
            faults);
    require(s.links.empty() || s.key.has_value(), "links need the pair's key", faults);
    std::set<std::string> names;
    for (auto const& l : s.links) {
        auto const where = "link " + l.name + ": ";
        require(names.insert(l.name).second, where + "each link needs a name of its own", faults);
        require(l.local.is_v4() == l.peer.is_v4(), where + "local and peer must be of one address family", faults);
        require(!l.local.is_unspecified() && !l.peer.is_unspecified(), where + "local and peer must be given", faults);
        require(l.local != l.peer, where + "local and peer are the same address", faults);
        require(l.port != 0, where + "port 0 is not possible", faults);
    }
}

} // namespace

result<> check(node_settings const& s) {
    std::string faults;
    require(!s.name.empty() && s.name.size() <= wire::node_name::max_size, "a node's name has 1 to 63 bytes", faults);
    require(s.address_lifetime >= 1s && s.address_lifetime <= 60s, "address_lifetime must be 1 to 60 s", faults);
    check_timing(s.timing, faults);
    check_links(s, faults);
    for (auto const& f : s.floating) {
        require(!f.address.is_unspecified() && !f.address.is_multicast() && !f.address.is_loopback(),
                f.address.to_string() + " can't float", faults);
    }
    if (faults.empty()) {
        return {};
    }
    return balance::make_error(balance::errc::invalid_configuration, std::move(faults));
}

} // namespace cluster
