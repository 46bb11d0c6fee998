// SPDX-License-Identifier: Apache-2.0
#include "doctor/chains.hpp"

#include "firewall/ruleset.hpp"

#include <algorithm>

namespace balance::doctor {
namespace {

std::string_view trimmed(std::string_view line) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    return line.substr(0, line.find_last_not_of(" \t") + 1);
}

std::string_view first_word(std::string_view& line) {
    line = trimmed(line);
    auto const word = line.substr(0, line.find(' '));
    line.remove_prefix(word.size());
    return word;
}

/// "drop", "counter reject with icmp port-unreachable": with no condition before it.
bool ends_all(std::string_view rule) {
    auto word = first_word(rule);
    if (word == "counter") {
        word = first_word(rule);
    }
    return word == "drop" || word == "reject";
}

std::string hook_of(std::string_view line) {
    for (std::string const hook : {"input", "forward"}) {
        if (line.find("hook " + hook + " ") != line.npos) {
            return hook;
        }
    }
    return {};
}

} // namespace

std::vector<filter_chain> dropping_chains(std::string_view listing) {
    std::vector<filter_chain> out;
    filter_chain chain;
    std::string table;
    std::string_view last;
    bool by_policy = false;
    while (!listing.empty()) {
        auto const whole = listing.substr(0, listing.find('\n'));
        listing.remove_prefix(std::min(listing.size(), whole.size() + 1));
        auto const line = trimmed(whole);
        auto rest = line;
        auto const word = first_word(rest);
        if (word == "table") {
            chain.family = first_word(rest);
            table = first_word(rest);
        } else if (word == "chain") {
            chain.name = table + " " + std::string(first_word(rest));
            chain.hook.clear();
            last = {};
            by_policy = false;
        } else if (word == "type") {
            chain.hook = hook_of(line);
            by_policy = line.find("policy drop") != line.npos;
        } else if (line == "}") {
            bool const ours = chain.family == "inet" && table == firewall::table_name;
            if (!ours && !chain.hook.empty() && (by_policy || ends_all(last))) {
                out.push_back(chain);
            }
            chain.hook.clear();
        } else if (!line.empty()) {
            last = line;
        }
    }
    return out;
}

} // namespace balance::doctor
