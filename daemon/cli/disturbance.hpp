// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <cli/drill_kind.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

namespace dyad::cli {

/// What is done to this node, and for how long.
struct disturbance_plan {
    drill_kind kind = drill_kind::process;
    std::vector<pid_t> processes;        ///< process: one; freeze: the guardian, then all below it
    std::vector<std::string> interfaces; ///< link
    std::chrono::milliseconds length{0}; ///< link, freeze
};

/// Hurts this node from a process of its own, which puts right what it did when the time is over, and at once when this process
/// has ended, whatever killed it. Where that process is killed itself, the kernel heals a cut link, and this object
/// continues frozen processes.
class disturbance {
public:
    using clock = std::chrono::steady_clock;

    /// Returns when it is done to the node. Errors: `not_permitted`, `not_supported`, `not_found`, `io_error`; then nothing was done.
    static balance::result<std::unique_ptr<disturbance>> begin(disturbance_plan plan);
    ~disturbance();
    disturbance(disturbance const&) = delete;
    disturbance& operator=(disturbance const&) = delete;

    /// When it was done.
    [[nodiscard]] clock::time_point begun() const;
    /// Waits until all is put right, and says when that was.
    [[nodiscard]] balance::result<clock::time_point> wait_restored();

private:
    struct impl;
    explicit disturbance(std::unique_ptr<impl> i);
    std::unique_ptr<impl> impl_;
};

/// The guardian with this process id and all processes below it, as the kernel has them. Errors: `not_found` unless it runs a program
/// called dyadd and `cluster` is one of its children.
[[nodiscard]] balance::result<std::vector<pid_t>> processes_below(pid_t guardian, pid_t cluster);

} // namespace dyad::cli
