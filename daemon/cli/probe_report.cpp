// SPDX-License-Identifier: Apache-2.0
#include <boost/json/array.hpp>
#include <cli/probe_report.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

namespace dyad::cli {

probe_report report_of(std::vector<attempt> const& attempts, std::int64_t from, std::int64_t to) {
    probe_report out{.from = from, .to = to, .failures = {}};
    std::vector<std::int64_t> took;
    std::vector<std::int64_t> served{from};
    std::map<std::string, std::size_t> reasons;
    for (auto const& a : attempts) {
        if (a.ended < from || a.ended > to) {
            continue;
        }
        ++out.attempts;
        if (a.failure.empty()) {
            took.push_back(a.ended - a.begun);
            served.push_back(a.ended);
        } else {
            ++out.failed;
            ++reasons[a.failure];
        }
    }
    out.failures.assign(reasons.begin(), reasons.end());
    std::stable_sort(out.failures.begin(), out.failures.end(),
                     [](auto const& a, auto const& b) { return a.second > b.second; });
    if (!took.empty()) {
        std::sort(took.begin(), took.end());
        out.median = took[(took.size() - 1) / 2];
        out.p99 = took[(took.size() - 1) * 99 / 100];
        out.slowest = took.back();
    }
    served.push_back(to);
    std::sort(served.begin(), served.end());
    for (std::size_t i = 1; i < served.size(); ++i) {
        if (auto const gap = served[i] - served[i - 1]; gap > out.longest_gap) {
            out.longest_gap = gap;
            out.gap_begun = served[i - 1];
        }
    }
    return out;
}

std::string short_time(std::int64_t us) {
    std::array<char, 32> out{};
    auto const ms = static_cast<double>(us) / 1000;
    if (us < 10'000) {
        std::snprintf(out.data(), out.size(), "%.1f ms", ms);
    } else if (us < 1'000'000) {
        std::snprintf(out.data(), out.size(), "%.0f ms", ms);
    } else {
        std::snprintf(out.data(), out.size(), "%.1f s", ms / 1000);
    }
    return out.data();
}

std::string to_text(probe_report const& r) {
    std::string out = "  failed       " + std::to_string(r.failed) + " of " + std::to_string(r.attempts) + "\n";
    for (auto const& [reason, times] : r.failures) {
        out += "    " + std::to_string(times) + " times: " + reason + "\n";
    }
    if (r.failed < r.attempts) {
        out += "  took         median " + short_time(r.median) + ", 99 % within " + short_time(r.p99) + ", slowest " +
               short_time(r.slowest) + "\n";
    }
    return out + "  longest gap  " + short_time(r.longest_gap) + " without an answer, " + short_time(r.gap_begun - r.from) +
           " after the start\n";
}

boost::json::object to_json(probe_report const& r) {
    boost::json::array failures;
    for (auto const& [reason, times] : r.failures) {
        failures.push_back(boost::json::object{{"reason", reason}, {"times", times}});
    }
    return {{"attempts", r.attempts},
            {"failed", r.failed},
            {"failures", std::move(failures)},
            {"median_us", r.median},
            {"p99_us", r.p99},
            {"slowest_us", r.slowest},
            {"longest_gap_us", r.longest_gap},
            {"gap_begun_us", r.gap_begun - r.from}};
}

} // namespace dyad::cli
