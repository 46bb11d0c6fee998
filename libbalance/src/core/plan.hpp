// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/plan_desired.hpp"
#include "core/plan_table.hpp"

#include <map>
#include <span>
#include <string>
#include <vector>

namespace balance::ipvs {

/// One message to the kernel, and what it does in the words of the log.
struct change {
    enum class kind : std::uint8_t {
        add_service,
        set_service,
        add_destination,
        set_destination,
        remove_destination,
        remove_service
    };

    kind what = kind::add_service;
    std::string service;               ///< its name; empty for one whose name we never knew
    balance::ipvs::service target;     ///< of the destination kinds only the key counts
    balance::ipvs::destination server; ///< of the service kinds nothing counts
    std::string text;

    bool operator==(change const&) const = default;
};

/// The services that we made or found as configured, with their names: what makes them ours when they are no longer
/// configured.
using known_services = std::map<service_key, std::string>;

struct changes {
    /// What makes or alters: new services come with their destinations, and a service gets its new destinations before
    /// it loses old ones. To be sent before the rules that lead packets to them.
    std::vector<change> build;
    /// Services that must go. To be sent after the rules that led packets to them are gone.
    std::vector<change> remove;
    /// Services of somebody else: neither configured nor known, on no configured address and with no mark of ours.
    std::vector<service_key> strangers;

    [[nodiscard]] bool empty() const noexcept { return build.empty() && remove.empty(); }
};

/// The shortest list of changes from `actual` to `desired`. Pure; what is as it should be gets no message.
///
/// Ours is what is in `known`, has a mark of the reserved range, or is on an address of `desired.addresses`. So a
/// restarted process finds what its predecessor left without keeping a list in a file: it applies the generation that
/// was in force, knows those services from then on, and removes what the next generation leaves out.
changes plan(desired_table const& desired, std::span<service_state const> actual, known_services const& known);

} // namespace balance::ipvs
