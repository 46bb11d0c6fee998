// SPDX-License-Identifier: Apache-2.0
#include "doctor/chains_listing.hpp"

#include "firewall/ruleset.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

namespace balance::doctor {
namespace {

using words = std::vector<std::string_view>;

/// A quoted string is one word, quotes and all; nft knows no way to write a quote in it.
words words_of(std::string_view line) {
    constexpr std::string_view gaps = " \t,;";
    words out;
    for (;;) {
        line.remove_prefix(std::min(line.find_first_not_of(gaps), line.size()));
        if (line.empty()) {
            return out;
        }
        bool const quoted = line.front() == '"';
        auto const end = quoted ? line.find('"', 1) : line.find_first_of(gaps);
        out.push_back(line.substr(0, quoted && end != line.npos ? end + 1 : end));
        line.remove_prefix(out.back().size());
    }
}

std::string_view word_at(words const& w, std::size_t i) { return i < w.size() ? w[i] : std::string_view(); }

std::string_view word_after(words const& w, std::string_view key) {
    auto const found = std::find(w.begin(), w.end(), key);
    return found == w.end() ? std::string_view() : word_at(w, static_cast<std::size_t>(found - w.begin()) + 1);
}

template <std::size_t N>
bool is_one_of(std::string_view word, std::array<std::string_view, N> const& list) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

/// Past what follows the word "log".
std::size_t past_log(words const& w, std::size_t i) {
    constexpr std::array<std::string_view, 5> valued{"prefix", "level", "group", "snaplen", "queue-threshold"};
    constexpr std::array<std::string_view, 7> flags{"all", "tcp", "ip", "skuid", "ether", "sequence", "options"};
    for (;;) {
        if (is_one_of(word_at(w, i), valued)) {
            i += 2;
        } else if (word_at(w, i) == "flags") {
            do {
                ++i;
            } while (is_one_of(word_at(w, i), flags));
        } else {
            return i;
        }
    }
}

std::size_t past_counter(words const& w, std::size_t i) {
    constexpr std::array<std::string_view, 3> valued{"packets", "bytes", "name"};
    while (is_one_of(word_at(w, i), valued)) {
        i += 2;
    }
    return i;
}

/// Past what happens to every packet and lets it go on.
std::size_t past_side_effects(words const& w, std::size_t i) {
    for (;;) {
        auto const word = word_at(w, i);
        if (word == "counter") {
            i = past_counter(w, i + 1);
        } else if (word == "log") {
            i = past_log(w, i + 1);
        } else if (word == "notrack" || word == "last") {
            ++i;
        } else if ((word == "meta" || word == "ct") && word_at(w, i + 2) == "set") {
            i += 4;
        } else {
            return i;
        }
    }
}

std::optional<chain_step::kind> verdict_of(std::string_view word) {
    using kind = chain_step::kind;
    constexpr std::array<std::pair<std::string_view, kind>, 7> verdicts{{{"accept", kind::accept},
                                                                         {"drop", kind::drop},
                                                                         {"reject", kind::drop},
                                                                         {"return", kind::leave},
                                                                         {"queue", kind::hand_over},
                                                                         {"jump", kind::jump},
                                                                         {"goto", kind::go}}};
    auto const* const found =
        std::find_if(verdicts.begin(), verdicts.end(), [&](auto const& v) { return v.first == word; });
    return found == verdicts.end() ? std::nullopt : std::optional(found->second);
}

bool leads_on(std::optional<chain_step::kind> verdict) {
    return verdict == chain_step::kind::jump || verdict == chain_step::kind::go;
}

std::string_view trimmed_line(std::string_view line) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    return line.substr(0, line.find_last_not_of(" \t") + 1);
}

/// The rule as it is shown: without its comment, and without the brace of a chain that stands in it.
std::string_view without_comment(std::string_view line, words& w) {
    auto const up_to = [&](std::size_t i) {
        return line.substr(0, static_cast<std::size_t>(w[i].data() - line.data()));
    };
    if (w.size() > 2 && w[w.size() - 2] == "comment" && w.back().front() == '"') {
        line = up_to(w.size() - 2);
        w.resize(w.size() - 2);
    }
    return trimmed_line(w.size() > 1 && w.back() == "{" ? up_to(w.size() - 1) : line);
}

/// Packets that connection tracking makes no sense of are dropped everywhere, and belong to no service.
bool is_of_nobody(words const& w, std::size_t from) {
    for (auto i = from; i + 2 < w.size(); ++i) {
        if (w[i] == "ct" && w[i + 1] == "state" && w[i + 2] == "invalid") {
            return true;
        }
    }
    return false;
}

std::vector<chain_step> steps_of(std::string_view line) {
    using when = chain_step::when;
    auto w = words_of(line);
    auto const rule = without_comment(line, w);
    auto holds = when::always;
    auto i = past_side_effects(w, 0);
    if (word_at(w, i) == "fib" && word_at(w, i + 1) == "daddr" && word_at(w, i + 2) == "type" &&
        word_at(w, i + 3) == "local") {
        holds = when::local;
        i = past_side_effects(w, i + 4);
    }
    if (auto const verdict = verdict_of(word_at(w, i))) {
        return {{*verdict, holds, rule, leads_on(verdict) ? word_at(w, i + 1) : std::string_view()}};
    }
    std::vector<chain_step> out; // a map of verdicts leads to several chains
    if (is_of_nobody(w, i)) {
        return out;
    }
    if (word_at(w, w.size() - 1) == "return") {
        out.push_back({chain_step::kind::leave, when::sometimes, rule, {}});
    }
    for (; i + 1 < w.size(); ++i) {
        if (auto const verdict = verdict_of(w[i]); leads_on(verdict)) {
            out.push_back({*verdict, when::sometimes, rule, w[i + 1]});
        }
    }
    return out;
}

/// Line by line. A line that ends with "{" begins a block and one that begins with "}" ends one; a line that is not
/// indented begins or ends a table, whatever stood before it.
class listing_reader {
public:
    std::vector<listed_chain> run(std::string_view listing) {
        while (!listing.empty()) {
            auto const whole = listing.substr(0, listing.find('\n'));
            listing.remove_prefix(std::min(listing.size(), whole.size() + 1));
            if (whole.starts_with("table ")) {
                end_table();
                begin_table(words_of(whole));
            } else if (whole.starts_with('}')) {
                end_table();
            } else if (auto const line = trimmed_line(whole); counts_ && !line.empty()) {
                take(line);
            }
        }
        end_table();
        return std::move(chains_);
    }

private:
    void begin_table(words const& w) {
        constexpr std::array<std::string_view, 3> families{"ip", "ip6", "inet"};
        family_ = word_at(w, 1);
        table_ = word_at(w, 2);
        counts_ = is_one_of(family_, families) && !(family_ == "inet" && table_ == firewall::table_name);
    }

    /// A chain may jump to one that is listed later.
    void end_table() {
        for (auto i = first_; i < chains_.size(); ++i) {
            for (auto& step : chains_[i].steps) {
                auto const found = step.target == no_chain ? by_name_.find(step.named) : by_name_.end();
                step.target = found == by_name_.end() ? step.target : found->second;
            }
        }
        first_ = chains_.size();
        by_name_.clear();
        open_.clear();
        counts_ = false;
    }

    void take(std::string_view line) {
        bool const opens = line.ends_with('{');
        if (line.starts_with('}')) {
            end_block();
        } else if (open_.empty()) {
            in_table(words_of(line), opens);
        } else if (auto const chain = open_.back(); chain != no_chain) {
            in_chain(chain, line, opens);
        } else if (opens) {
            open_.push_back(no_chain);
        }
    }

    void end_block() {
        if (open_.empty()) {
            return;
        }
        if (open_.back() != no_chain) {
            chains_[open_.back()].whole = true;
        }
        open_.pop_back();
    }

    void in_table(words const& w, bool opens) {
        if (opens && word_at(w, 0) == "chain") {
            by_name_.emplace(word_at(w, 1), chains_.size());
            begin_chain(word_at(w, 1));
        } else if (opens) {
            open_.push_back(no_chain); // a set, a counter, …
        } else if (word_at(w, 0) == "flags" && std::find(w.begin(), w.end(), "dormant") != w.end()) {
            counts_ = false; // stands before the chains
        }
    }

    void begin_chain(std::string_view name) {
        open_.push_back(chains_.size());
        auto& added = chains_.emplace_back();
        added.family = family_;
        added.table = table_;
        added.name = name;
    }

    void in_chain(std::size_t chain, std::string_view line, bool opens) {
        if (line.starts_with("type ")) {
            auto const w = words_of(line);
            chains_[chain].hook = word_after(w, "hook");
            chains_[chain].drops_by_policy = word_after(w, "policy") == "drop";
            return;
        }
        auto steps = line.starts_with("comment ") ? std::vector<chain_step>() : steps_of(line);
        if (opens) {
            if (!steps.empty()) {
                steps.back().target = chains_.size();
            }
            begin_chain(chains_[chain].name);
        }
        chains_[chain].steps.insert(chains_[chain].steps.end(), steps.begin(), steps.end());
    }

    std::vector<listed_chain> chains_;
    std::string_view family_;
    std::string_view table_;
    bool counts_ = false;
    std::size_t first_ = 0; ///< chain of this table
    std::unordered_map<std::string_view, std::size_t> by_name_;
    std::vector<std::size_t> open_; ///< blocks within each other, outermost first; `no_chain`: something else
};

} // namespace

std::vector<listed_chain> read_chains(std::string_view listing) { return listing_reader().run(listing); }

} // namespace balance::doctor
