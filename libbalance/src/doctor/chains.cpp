// SPDX-License-Identifier: Apache-2.0
#include "doctor/chains.hpp"

#include "doctor/chains_listing.hpp"

#include <algorithm>
#include <optional>

namespace balance::doctor {
namespace {

constexpr int deepest = 16; ///< jumps that the kernel takes: NFT_JUMP_STACK_SIZE in its net/netfilter/nf_tables.h
constexpr std::size_t most_named = 3;
constexpr std::size_t longest_rule = 120;

/// A rule with a condition and the chain that it stands in.
struct lead {
    chain_step const* step = nullptr;
    std::size_t chain = no_chain;
};

/// What becomes of a packet that no condition holds for.
struct outcome {
    enum class end { unknown, goes_on, accepted, dropped };
    end is = end::unknown;
    std::size_t by = no_chain; ///< the chain that drops
    std::vector<lead> leads;   ///< rules that lead other packets to a drop
    bool more = false;         ///< of them
    std::optional<lead> strays; ///< a rule that lets some leave the chain before that; what is behind the chain gets them
};

/// Follows the packets of one hook. Each chain is gone through once, so that the time is linear in the rules.
class follower {
public:
    follower(std::vector<listed_chain> const& chains, std::string_view hook)
        : chains_(chains), hook_(hook), known_(chains.size()), begun_(chains.size()) {}

    /// Of a chain that leads back into itself, is cut off or deeper than the kernel takes, nothing is known.
    outcome const& follow(std::size_t chain, int depth) {
        static outcome const unknown;
        if (chain == no_chain || depth > deepest || !chains_[chain].whole) {
            return unknown;
        }
        if (!begun_[chain]) {
            begun_[chain] = true;
            known_[chain] = go_through(chain, depth);
        }
        return known_[chain];
    }

private:
    outcome go_through(std::size_t chain, int depth) {
        using end = outcome::end;
        auto const& c = chains_[chain];
        outcome out;
        out.is = end::goes_on;
        outcome rest;        // of packets that strayed from what ended the others' way
        auto* now = &out;
        std::optional<lead> left; // the rule by which some leave this chain
        for (auto const& step : c.steps) {
            if (step.holds == chain_step::when::sometimes && step.does == chain_step::kind::leave) {
                left = left ? left : lead{&step, chain};
            } else if (step.holds == chain_step::when::sometimes) {
                try_out(step, chain, depth, out);
            } else if (step.holds == chain_step::when::always || hook_ == "input") { // which is for this machine
                take(step, chain, depth, *now);
                if (now->is != end::goes_on && now->strays && now == &out) {
                    now = &rest;
                    rest.is = end::goes_on;
                } else if (now->is != end::goes_on || step.does == chain_step::kind::leave || step.does == chain_step::kind::go) {
                    break;
                }
            }
        }
        bool const strayed = now == &rest;
        merge(rest, out);
        if (strayed && rest.is == end::dropped) {
            add(*out.strays, out);
        } else if (strayed && rest.is == end::goes_on) {
            left = left ? left : out.strays;
        }
        out.strays.reset();
        if (c.hook.empty()) {
            out.strays = left;
        } else if (out.is == end::goes_on) {
            out.is = by_policy(chain);
            out.by = chain;
        } else if (left && by_policy(chain) == end::dropped) {
            add(*left, out);
        }
        return out;
    }

    [[nodiscard]] outcome::end by_policy(std::size_t chain) const {
        return chains_[chain].drops_by_policy ? outcome::end::dropped : outcome::end::accepted;
    }

    /// A rule without a condition.
    void take(chain_step const& step, std::size_t chain, int depth, outcome& out) {
        using kind = chain_step::kind;
        out.strays.reset(); // what strayed before has come back to the others
        switch (step.does) {
        case kind::accept:
            out.is = outcome::end::accepted;
            break;
        case kind::drop:
            out.is = outcome::end::dropped;
            out.by = chain;
            break;
        case kind::hand_over: // to a program, which may do anything
            out.is = outcome::end::unknown;
            break;
        case kind::leave:
            break;
        case kind::jump:
        case kind::go:
            auto const& there = follow(step.target, depth + 1);
            merge(there, out);
            out.is = there.is;
            out.by = there.by;
            out.strays = there.strays;
        }
    }

    void try_out(chain_step const& step, std::size_t chain, int depth, outcome& out) {
        auto const& there = follow(step.target, depth + 1);
        auto const& from = chains_[chain];
        bool const left_to_policy = step.does == chain_step::kind::go && !from.hook.empty();
        auto const is = there.is == outcome::end::goes_on && left_to_policy ? by_policy(chain) : there.is;
        if (is == outcome::end::dropped) {
            add({&step, chain}, out);
        } else {
            merge(there, out);
        }
    }

    static void merge(outcome const& from, outcome& out) {
        out.more = out.more || from.more;
        for (auto const& l : from.leads) {
            add(l, out);
        }
    }

    static void add(lead const& l, outcome& out) {
        auto const same = [&](lead const& known) { return known.step->rule.data() == l.step->rule.data(); };
        if (std::any_of(out.leads.begin(), out.leads.end(), same)) {
            return;
        }
        if (out.leads.size() == most_named) {
            out.more = true;
        } else {
            out.leads.push_back(l);
        }
    }

    std::vector<listed_chain> const& chains_;
    std::string_view hook_;
    std::vector<outcome> known_;
    std::vector<bool> begun_; ///< one that is under way is not known yet
};

/// Names and rules are anybody's bytes.
std::string shown(std::string_view text) {
    std::string out(text.substr(0, longest_rule));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text.size() > longest_rule ? out + " …" : out;
}

filter_chain described(std::vector<listed_chain> const& chains, std::size_t at, outcome const& found) {
    auto const& chain = chains[at];
    filter_chain out;
    out.family = chain.family;
    out.name = shown(chain.table) + " " + shown(chain.name);
    out.hook = chain.hook;
    if (found.is == outcome::end::dropped) {
        auto const by = chains[found.by].name;
        out.by = by == chain.name ? std::string() : shown(by);
        return out;
    }
    for (auto const& l : found.leads) {
        out.only.push_back(shown(l.step->rule) + " (chain " + shown(chains[l.chain].name) + ")");
    }
    out.more = found.more;
    return out;
}

} // namespace

std::vector<filter_chain> dropping_chains(std::string_view listing) {
    auto const chains = read_chains(listing.substr(0, longest_listing));
    follower input(chains, "input");
    follower forward(chains, "forward");
    std::vector<filter_chain> out;
    for (std::size_t i = 0; i < chains.size(); ++i) {
        auto const hook = chains[i].hook;
        if (hook != "input" && hook != "forward") {
            continue;
        }
        auto const& found = (hook == "input" ? input : forward).follow(i, 0);
        if (found.is == outcome::end::dropped || !found.leads.empty()) {
            out.push_back(described(chains, i, found));
        }
    }
    return out;
}

} // namespace balance::doctor
