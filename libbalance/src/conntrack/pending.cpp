// SPDX-License-Identifier: Apache-2.0
#include "conntrack/pending.hpp"

#include <algorithm>
#include <utility>

namespace balance::conntrack {

bool pending_changes::add(change c) {
    c.gone = c.gone || is_over(c.entry);
    auto const found = changes_.find(c.entry.key);
    if (found == changes_.end()) {
        if (changes_.size() >= most_) {
            return false;
        }
        auto const key = c.entry.key;
        changes_.emplace(key, std::move(c));
        return true;
    }
    bool const same_connection = found->second.entry.reply == c.entry.reply;
    if (c.entry.state == 0 && same_connection) { // this notice does not tell it
        c.entry.state = found->second.entry.state;
        c.entry.tags = found->second.entry.tags;
    }
    found->second = std::move(c);
    return true;
}

std::vector<change> pending_changes::take() {
    std::vector<change> out;
    out.reserve(changes_.size());
    for (bool const gone : {true, false}) {
        for (auto const& [key, c] : changes_) {
            if (c.gone == gone) {
                out.push_back(c);
            }
        }
    }
    changes_.clear();
    return out;
}

} // namespace balance::conntrack
