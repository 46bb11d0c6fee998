// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <cli/owner_report.hpp>
#include <cli/prober.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dyad::cli {

/// What somebody looks at from a seat.
struct seat_plan {
    std::vector<prober::settings> targets; ///< probed
    std::vector<balance::address> watched; ///< asked for their owner
};

/// A place from which a drill is watched: this machine, or one where a `dyad probe --stdio` runs. Times are microseconds of the
/// seat's own clock, so that lengths are right whatever the network between does.
class seat {
public:
    using clock = std::chrono::steady_clock;

    virtual ~seat() = default;

    /// Of the machine.
    [[nodiscard]] virtual std::string name() const = 0;
    [[nodiscard]] virtual seat_plan const& plan() const = 0;
    /// A moment of this machine in the seat's time.
    [[nodiscard]] virtual std::int64_t at(clock::time_point moment) const = 0;
    /// How wrong that may be, in microseconds.
    [[nodiscard]] virtual std::int64_t uncertain() const = 0;
    /// Compares the clocks anew; while both machines are at rest.
    virtual void compare_clocks() = 0;
    /// Waits until all that ended before that time is here. Errors: `timed_out`, or why it will never be.
    [[nodiscard]] virtual balance::result<> reported(std::int64_t until, std::chrono::milliseconds patience) = 0;
    [[nodiscard]] virtual std::vector<attempt> attempts(std::size_t target) const = 0;
    [[nodiscard]] virtual std::vector<owner_sample> owners(std::size_t watched) const = 0;
};

/// Probes from this process, and watches nobody. `name` is this machine's.
[[nodiscard]] std::unique_ptr<seat> seat_here(std::string name, seat_plan plan);

/// Runs `command` with " probe --stdio" behind it in a shell, and has it do what the plan says. It ends with this object, and also
/// when this process is killed. Errors: why it did not begin within 60 s; the first sentence it said against it.
[[nodiscard]] balance::result<std::unique_ptr<seat>> seat_behind(std::string const& command, seat_plan plan);

} // namespace dyad::cli
