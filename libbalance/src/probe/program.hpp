// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/error_code.hpp>

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace balance::probe {

/// A program in a process group of its own, its standard output and error going into one pipe.
///
/// Whoever holds it reaps it: `end_group` while it has not been reaped, so that the group's number is still its own.
struct program {
    pid_t pid = -1;
    int pidfd = -1;  ///< readable when it has ended; owned by the holder
    int output = -1; ///< read end, non-blocking; owned by the holder
};

/// Starts `command` with these arguments, a plain environment and `more` of it, no signals blocked or ignored and no descriptors of
/// ours. Returns empty when it runs, else the reason: it does not exist, may not be executed, …
[[nodiscard]] std::string launch(std::string const& command, std::vector<std::string> const& arguments,
                                 program& started,
                                 std::vector<std::pair<std::string, std::string>> const& more = {});

/// Kills every process of its group that is left.
void end_group(program const& p) noexcept;

/// How it ended.
struct ending {
    bool reaped = false; ///< false: still running
    bool known = false;  ///< false: somebody else reaped it (SIGCHLD is ignored in this process)
    int exit_status = 0; ///< when it was no signal
    int signal = 0;
};

/// Ends the group of a program that has ended and reaps it; does nothing while it runs.
[[nodiscard]] ending reap(program const& p) noexcept;

} // namespace balance::probe
