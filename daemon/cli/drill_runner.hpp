// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <cli/client.hpp>
#include <cli/disturbance.hpp>
#include <cli/drill_record.hpp>
#include <cli/seat.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dyad::cli {

/// What an unplanned failover does to this node.
struct harm_settings {
    std::vector<std::string> interfaces;  ///< that a cut link is cut at
    std::chrono::milliseconds outage{4000}; ///< of links and frozen processes
};

/// "all processes of dyadd on lb1 stood still for 4s": what will have been done to a node.
[[nodiscard]] std::string harm_done(drill_kind kind, std::string const& node, harm_settings const& harm);

/// Waits until no drill is hindered any more, for 10 s. Errors: `refused` with what hinders it.
[[nodiscard]] balance::result<boost::json::object> settled_status(client const& daemon);

/// Makes one move after the other and keeps what its seats saw. An unplanned round ends with a planned move back, so each
/// leaves the addresses where they were.
class drill_runner {
public:
    /// `moved` hears of each move as it is recorded.
    drill_runner(client const& daemon, std::vector<std::unique_ptr<seat>> const& seats, drill_record& record, harm_settings harm,
                 std::function<void(drill_move const&)> moved);

    /// There and back, also where something keeps it from going on. Errors: what that is; what was seen until then is in the record.
    [[nodiscard]] balance::result<> round(int number, drill_kind kind);

private:
    using clock = std::chrono::steady_clock;

    /// After a round that broke off: the addresses go where they were.
    void go_home(bool was_active);
    [[nodiscard]] balance::result<> planned_move(int number);
    [[nodiscard]] balance::result<> unplanned_move(int number, drill_kind kind);
    [[nodiscard]] balance::result<disturbance_plan> plan_of(drill_kind kind, boost::json::object const& status) const;
    /// Waits until the addresses are with the peer and the pair is whole.
    [[nodiscard]] balance::result<boost::json::object> moved_away(std::string const& epoch_before) const;
    [[nodiscard]] drill_move begin_move(int number, drill_kind kind, boost::json::object const& status) const;
    /// Fills in what seats saw around `mark`, judges it, and records the move. Errors: a seat that is gone.
    [[nodiscard]] balance::result<> end_move(drill_move move, clock::time_point mark, boost::json::object const& status);

    client const& daemon_;
    std::vector<std::unique_ptr<seat>> const& seats_;
    drill_record& record_;
    harm_settings const harm_;
    std::function<void(drill_move const&)> moved_;
};

} // namespace dyad::cli
