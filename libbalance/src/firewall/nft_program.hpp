// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "firewall/program.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace balance::firewall {

/// Runs nft. Errors: `not_found` when it is not installed, with the remedy; those of `run_program`.
result<finished> nft(std::vector<std::string> const& arguments, std::string_view input);

/// Does its complaint contain these words?
bool says(finished const& f, std::string_view words);

/// What its complaint means: `not_permitted`, `not_supported` or `io_error`.
error explain(finished const& f);

/// Carries out a ruleset, in one transaction. Errors: as `nft` and `explain`.
result<> run_nft(std::string_view ruleset);

} // namespace balance::firewall
