// SPDX-License-Identifier: Apache-2.0
#include "failover/events.hpp"

namespace cluster {

std::string_view to_string(node_id id) noexcept {
    switch (id) {
    case node_id::none:
        return "none";
    case node_id::primary:
        return "primary";
    case node_id::secondary:
        return "secondary";
    }
    return "unknown";
}

std::string_view to_string(node_state s) noexcept {
    switch (s) {
    case node_state::listening:
        return "listening";
    case node_state::passive:
        return "passive";
    case node_state::acquiring:
        return "acquiring";
    case node_state::active:
        return "active";
    case node_state::releasing:
        return "releasing";
    case node_state::stopped:
        return "stopped";
    }
    return "unknown";
}

} // namespace cluster

namespace cluster::failover {

std::string_view to_string(refusal r) noexcept {
    switch (r) {
    case refusal::none:
        return "done";
    case refusal::not_active:
        return "this node does not own the addresses: ask the active node";
    case refusal::already_active:
        return "this node owns the addresses already";
    case refusal::in_maintenance:
        return "the node that should take over is in maintenance: end it there first";
    case refusal::peer_silent:
        return "the peer is silent, nobody could take over: check its links and whether dyadd runs there";
    case refusal::peer_not_ready:
        return "the peer cannot serve: see its status for what is missing";
    case refusal::service_down:
        return "the service interfaces of the node that should take over have no carrier: check cable and switch port";
    case refusal::in_transition:
        return "another change of ownership is under way: try again when it is over";
    case refusal::not_listened:
        return "a node has just started or woken and listens first: try again in a moment";
    case refusal::timed_out:
        return "the peer did not take part within the limit: nothing was changed, see the links' state on both nodes";
    case refusal::not_ready:
        return "this node cannot serve: see its status for what is missing";
    case refusal::effect_failed:
        return "the floating addresses could not be put on: see the log for the kernel's reason";
    case refusal::leaving:
        return "this node is being stopped: ask the other one";
    }
    return "refused for a reason this version does not know: is the peer newer?";
}

} // namespace cluster::failover
