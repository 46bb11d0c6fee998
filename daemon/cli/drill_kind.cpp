// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <cli/drill_kind.hpp>

#include <algorithm>
#include <array>

namespace dyad::cli {

balance::result<std::vector<drill_kind>> parse_kinds(std::vector<std::string> const& words) {
    constexpr std::array all{drill_kind::planned, drill_kind::process, drill_kind::link, drill_kind::freeze};
    std::vector<drill_kind> out;
    for (auto const& word : words) {
        auto const found = std::find_if(all.begin(), all.end(), [&](drill_kind k) { return to_string(k) == word; });
        if (found == all.end()) {
            return balance::make_error(balance::errc::invalid_configuration,
                                       "--kind is " + balance::in_quotes(word) + ", but must be planned, process, link or freeze");
        }
        out.push_back(*found);
    }
    return out.empty() ? std::vector{drill_kind::planned} : out;
}

} // namespace dyad::cli
