// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace dyad::cli {

/// One attempt of a client; times in microseconds since the probe began.
struct attempt {
    std::int64_t begun = 0;
    std::int64_t ended = 0;
    std::string failure; ///< a sentence; empty: served
};

/// What a client saw during a time.
struct probe_report {
    std::int64_t from = 0; ///< µs since the probe began
    std::int64_t to = 0;
    std::size_t attempts = 0;
    std::size_t failed = 0;
    std::vector<std::pair<std::string, std::size_t>> failures; ///< reasons, the most frequent first
    std::int64_t median = 0;                                   ///< µs, of those served
    std::int64_t p99 = 0;
    std::int64_t slowest = 0;
    std::int64_t longest_gap = 0; ///< µs in which nobody was served
    std::int64_t gap_begun = 0;   ///< µs since the probe began
};

/// Counts the attempts that ended between `from` and `to`. A gap is the time between two answers, or from either end to
/// the next one. Pure.
probe_report report_of(std::vector<attempt> const& attempts, std::int64_t from, std::int64_t to);

/// "0.4 ms", "21 ms", "3.2 s".
std::string short_time(std::int64_t us);
/// Lines for people, indented.
std::string to_text(probe_report const& r);
/// Times in microseconds.
boost::json::object to_json(probe_report const& r);

} // namespace dyad::cli
