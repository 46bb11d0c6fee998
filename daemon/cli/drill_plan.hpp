// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cli/commands.hpp>
#include <cli/drill_runner.hpp>

#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dyad::cli {

/// A drill as its operator wants it.
struct drill_plan {
    std::vector<drill_kind> kinds;
    int rounds = 1;
    std::vector<prober::settings> targets;
    prober::settings probing; ///< of targets that are filled in
    drill_limits limits;
    harm_settings harm;
    std::vector<std::string> clients; ///< commands
    std::vector<std::string> witnesses;
    std::filesystem::path report; ///< empty: none
    std::optional<std::time_t> at;

    /// Something is done to this node that nobody asked it for.
    [[nodiscard]] bool hurts() const noexcept;
};

/// Understood, or nothing and a sentence on stderr.
[[nodiscard]] std::optional<drill_plan> read_plan(environment& env, drill_options const& o);
/// Why this plan cannot be carried out on this node, now, by this user; empty: it can.
[[nodiscard]] std::string plan_hindrance(drill_plan const& plan, boost::json::object const& status);
/// Targets and interfaces that the operator left to us. Errors: `refused`.
[[nodiscard]] balance::result<> fill_in(drill_plan& plan, boost::json::object const& status);
/// What will happen, in lines: to which node and services, and for how long.
[[nodiscard]] std::string question_of(drill_plan const& plan, boost::json::object const& status);
/// For probes from this machine: with an address of its own each that does not move, for a probe from a floating address would move
/// with it.
[[nodiscard]] std::vector<prober::settings> local_targets(drill_plan const& plan, boost::json::object const& status);

} // namespace dyad::cli
