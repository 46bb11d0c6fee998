// SPDX-License-Identifier: Apache-2.0
#include <cli/drill_record.hpp>

#include <algorithm>

namespace dyad::cli {
namespace {

served manner_of(attempt const& a) {
    return !a.failure.empty() ? served::not_at_all : a.ended - a.begun > late_after ? served::late : served::well;
}

std::string number_of_failures(std::size_t n) { return std::to_string(n) + (n == 1 ? " attempt failed" : " attempts failed"); }

} // namespace

std::string_view to_string(served s) noexcept {
    switch (s) {
    case served::well:
        return "served";
    case served::late:
        return "late";
    case served::not_at_all:
        return "failed";
    }
    return "";
}

bool drill_record::passed() const noexcept {
    return aborted.empty() && !moves.empty() &&
           std::all_of(moves.begin(), moves.end(), [](drill_move const& m) { return m.faults.empty(); });
}

seen_target see_target(std::vector<attempt> const& attempts, std::int64_t mark, std::int64_t begins, std::int64_t ends) {
    seen_target out;
    out.report = report_of(attempts, mark + begins, mark + ends);
    out.gap_from = out.report.gap_begun - mark;
    out.gap_to = out.gap_from + out.report.longest_gap;
    std::vector<attempt> seen;
    std::copy_if(attempts.begin(), attempts.end(), std::back_inserter(seen),
                 [&](attempt const& a) { return a.begun >= mark + begins && a.ended <= mark + ends; });
    std::sort(seen.begin(), seen.end(), [](attempt const& a, attempt const& b) { return a.begun < b.begun; });
    for (std::size_t i = 0; i < seen.size(); ++i) {
        auto const from = seen[i].begun - mark;
        auto const to = i + 1 < seen.size() ? seen[i + 1].begun - mark : ends;
        if (auto const how = manner_of(seen[i]); !out.spans.empty() && out.spans.back().how == how) {
            out.spans.back().to = to;
        } else {
            out.spans.push_back({from, to, how});
        }
    }
    auto const last = std::max_element(attempts.begin(), attempts.end(), [&](attempt const& a, attempt const& b) {
        return (a.ended <= mark + ends ? a.ended : 0) < (b.ended <= mark + ends ? b.ended : 0);
    });
    out.served_at_end = last != attempts.end() && last->ended >= mark + begins && last->ended <= mark + ends && last->failure.empty();
    return out;
}

seen_address see_address(std::vector<owner_sample> const& samples, std::int64_t mark, std::int64_t begins, std::int64_t ends) {
    seen_address out;
    out.report = owners_of(samples, mark + begins, mark + ends);
    for (auto& span : out.report.spans) {
        span.from -= mark;
        span.to -= mark;
    }
    return out;
}

void name_owners(drill_move& move) {
    std::vector<std::pair<std::string, std::string>> names; // MAC, node
    for (auto const& address : move.owners) {
        auto const& spans = address.report.spans;
        auto const alone = [](owner_span const& s) { return s.macs.size() == 1; };
        auto const first = std::find_if(spans.begin(), spans.end(), alone);
        auto const last = std::find_if(spans.rbegin(), spans.rend(), alone);
        if (first != spans.end() && last != spans.rend() && first->from <= 0 && first->macs != last->macs) {
            names.emplace_back(first->macs.front(), move.from);
            names.emplace_back(last->macs.front(), move.to);
        }
    }
    for (auto& address : move.owners) {
        for (auto& span : address.report.spans) {
            for (auto& mac : span.macs) {
                auto const known = std::find_if(names.begin(), names.end(), [&](auto const& n) { return n.first == mac; });
                mac = known == names.end() ? mac : known->second;
            }
        }
    }
}

namespace {

/// Failed attempts count where the operator set a limit, and in planned moves. There an echo that nobody answered is none: TCP sends
/// again what the few milliseconds between two owners swallow, ICMP does not, so a loss is the gap, which has its own limit.
bool errors_count(drill_move const& move, seen_target const& t, drill_limits const& limits) {
    return limits.max_errors || (move.kind == drill_kind::planned && !t.target.starts_with("ping:"));
}

} // namespace

std::vector<std::string> judge(drill_move const& move, drill_limits const& limits) {
    std::vector<std::string> out;
    auto const may_fail = limits.max_errors.value_or(0);
    for (auto const& t : move.seen) {
        auto const where = t.target + " from " + t.seat + ": ";
        if (t.report.attempts == 0) {
            out.push_back(where + "no attempt ended");
            continue;
        }
        if (t.report.longest_gap > limits.max_gap) {
            out.push_back(where + "nobody was served for " + short_time(t.report.longest_gap) + ", and " + short_time(limits.max_gap) +
                          " is allowed");
        }
        if (errors_count(move, t, limits) && t.report.failed > may_fail) {
            out.push_back(where + number_of_failures(t.report.failed) + ", and " + std::to_string(may_fail) + " may");
        }
        if (!t.served_at_end) {
            out.push_back(where + "not served at the end");
        }
    }
    for (auto const& a : move.owners) {
        auto const where = a.address + " from " + a.seat + ": ";
        if (limits.max_two_owners && a.report.two_owners > *limits.max_two_owners) {
            out.push_back(where + "two nodes answered for " + short_time(a.report.two_owners) + ", and " +
                          short_time(*limits.max_two_owners) + " is allowed");
        }
        if (a.report.questions == 0) {
            out.push_back(where + "nobody was asked");
        } else if (a.report.spans.back().macs.empty()) {
            out.push_back(where + "nobody answered at the end");
        }
    }
    return out;
}

std::vector<std::string> limit_lines(drill_limits const& limits) {
    std::vector<std::string> out{"no gap longer than " + short_time(limits.max_gap)};
    out.push_back(limits.max_errors ? "failed attempts of a target in a move: " + std::to_string(*limits.max_errors) + " at most"
                                    : "no failed connection in a planned move; lost echoes, and what fails in other moves, are judged by their gap");
    if (limits.max_two_owners) {
        out.push_back("two nodes answering for an address: " + short_time(*limits.max_two_owners) + " at most");
    }
    out.emplace_back("every target is served at the end of each move");
    return out;
}

} // namespace dyad::cli
