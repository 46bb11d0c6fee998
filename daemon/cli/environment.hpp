// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <filesystem>
#include <iosfwd>
#include <string>

namespace dyad::cli {

/// Exit codes of `dyad`; scripts rely on them.
enum exit_code : int {
    done = 0,
    refused = 1, ///< or failed; the reason is on stderr
    wrong_usage = 2,
    no_daemon = 3
};

/// Where a command reads and writes; a test gives streams and directories of its own.
struct environment {
    std::ostream& out;
    std::ostream& err;
    bool colour = false; ///< terminal, and NO_COLOR is not set
    std::filesystem::path run_dir = "/run/dyad";
    std::filesystem::path config_dir = "/etc/dyad"; ///< of commands that work without a daemon
    bool json = false;                              ///< documents instead of words
    std::istream* in = nullptr;                     ///< where secrets are read from; null: there are none
    bool asks = false;                              ///< `in` is a terminal, with somebody who is asked
};

/// Prints the sentence on stderr. `no_daemon` when nobody answered on the socket, else `refused`.
exit_code fail(environment& env, balance::error const& e);

} // namespace dyad::cli
