// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <cli/environment.hpp>

#include <string>

namespace dyad::cli {

/// A line that is not shown while it is typed; without a terminal the next line of what is there. `question` is for people.
std::string ask_secret(environment& env, std::string const& question);

/// The first line of a file, or of a descriptor that was handed in ("3"). Errors: `io_error`.
balance::result<std::string> secret_in_file(std::string const& path);
balance::result<std::string> secret_in_descriptor(int fd);

} // namespace dyad::cli
