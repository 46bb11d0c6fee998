// SPDX-License-Identifier: Apache-2.0
#include "firewall/nft_table.hpp"

#include "firewall/nft_program.hpp"
#include "firewall/ruleset.hpp"

namespace balance::firewall {

result<bool> nft_table::apply(ipvs::packet_rules const& rules) {
    auto const wanted = rules.empty() ? std::string() : ruleset(rules);
    if (wanted.empty() && written_ && written_->empty()) {
        return false;
    }
    auto const current = list();
    if (!current) {
        return current.error();
    }
    // An empty list right after writing was somebody's removing it, not nft's way to print it.
    bool const as_printed = written_ == wanted && *current == listed_ && !current->empty();
    if (*current == wanted || as_printed) {
        written_ = wanted;
        listed_ = *current;
        return false;
    }
    // "table" makes it exist, so that "delete" cannot fail; all of it is one transaction.
    auto const start = std::string("table inet ") + table_name + "\ndelete table inet " + table_name + "\n";
    if (auto const done = run_nft(start + wanted); !done) {
        return done.error();
    }
    auto const after = list();
    if (!after) {
        return after.error();
    }
    written_ = wanted;
    listed_ = *after;
    return true;
}

result<std::string> nft_table::list() const {
    auto const done = nft({"-n", "list", "table", "inet", table_name}, {});
    if (!done) {
        return done.error();
    }
    if (done->exit_code == 0) {
        return done->out;
    }
    if (says(*done, "No such file or directory")) {
        return std::string();
    }
    return explain(*done);
}

} // namespace balance::firewall
