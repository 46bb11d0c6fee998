// SPDX-License-Identifier: Apache-2.0
// Where log lines go. Everyone logs with spdlog's functions: spdlog::info("…").
#pragma once

#include <string>
#include <string_view>

namespace dyad::log {

/// Lines go to stderr from now on: with a priority for the journal when stderr is the journal's, else with the time.
/// `level` is trace, debug, info, warning, error or critical. False, and nothing changed, for another word.
bool set_up(std::string_view level, std::string_view process);

/// Is stderr the journal's? Then lines may begin with a priority, as "<6>".
bool stderr_is_journal();

/// Names this process in every line; after a fork.
void set_process(std::string_view name);

} // namespace dyad::log
