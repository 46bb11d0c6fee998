// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cli/environment.hpp>

#include <string>
#include <vector>

namespace dyad::cli {

/// The `dyad` program without main(): `arguments` without the program's name. Never throws; the result is the exit
/// code.
exit_code run(std::vector<std::string> arguments, environment& env);

} // namespace dyad::cli
