// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace balance::firewall {

/// How a program ended and what it printed.
struct finished {
    int exit_code = 0; ///< 128 + signal when a signal ended it
    std::string out;
    std::string err;
};

/// Runs an administration program of the system (an absolute path, or a name that is looked for in the sbin and bin
/// directories, not in PATH) with `input` as its standard input, and waits; at the limit, or within 0.1 s of a stop, it is
/// killed with all of its process group. No shell. Errors: `not_found`, `timed_out`, `refused` (stopped), `io_error`.
result<finished> run_program(std::string_view name, std::vector<std::string> const& arguments, std::string_view input,
                             std::chrono::milliseconds limit, std::stop_token stop = {});

/// Asks modprobe for a kernel module. False where it is not to be had, or not by us.
bool load_module(std::string const& name);

} // namespace balance::firewall
