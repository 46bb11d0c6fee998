// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cli/drill_kind.hpp>
#include <cli/owner_report.hpp>
#include <cli/probe_report.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What a drill did and saw, as reports show it. Times in a move are microseconds after it began; before that they are negative.
namespace dyad::cli {

/// What the operator promises of a move; a limit that is not there is not judged.
struct drill_limits {
    std::int64_t max_gap = 2'000'000;          ///< µs in which a target served nobody
    std::optional<std::size_t> max_errors;     ///< failed attempts of a target; without: no failed connection in planned moves
    std::optional<std::int64_t> max_two_owners; ///< µs in which two nodes answered for an address
};

/// How a client was served in a time.
enum class served { well, late, not_at_all };
[[nodiscard]] std::string_view to_string(served s) noexcept;
/// From here on an answer is late, in µs.
inline constexpr std::int64_t late_after = 100'000;

struct served_span {
    std::int64_t from = 0;
    std::int64_t to = 0;
    served how = served::well;
};

/// A target, from a seat.
struct seen_target {
    std::string seat;
    std::string target;
    probe_report report;
    std::vector<served_span> spans; ///< one behind the other
    std::int64_t gap_from = 0;      ///< the longest
    std::int64_t gap_to = 0;
    bool served_at_end = false;
};

/// An address, as a witness saw it. MAC addresses became names of nodes where they are known.
struct seen_address {
    std::string seat;
    std::string address;
    owner_report report;
};

/// One time that the addresses went from one node to the other.
struct drill_move {
    int round = 1;
    drill_kind kind = drill_kind::planned;
    std::string when; ///< of the wall clock: "2026-11-24T02:30:00.123+01:00"
    std::string from; ///< node
    std::string to;
    std::string did; ///< "the cluster process of lb1 was killed"
    std::string epoch_before;
    std::string epoch_after;
    std::int64_t took_ms = 0; ///< planned: until the addresses were there; else until the pair was whole again
    std::optional<std::int64_t> restored; ///< when what was done to the node was put right
    std::int64_t begins = 0;              ///< of what was looked at
    std::int64_t ends = 0;
    std::int64_t uncertain = 0; ///< µs by which seats may be wrong about the moment of the move
    std::vector<seen_target> seen;
    std::vector<seen_address> owners;
    std::vector<std::string> faults; ///< sentences: limits that were not kept
};

struct drill_record {
    std::string begun; ///< wall clock
    std::string ended;
    std::string node; ///< where the drill ran
    std::string peer;
    std::string release;
    std::string operated_by;
    std::string configuration; ///< generation that was in force
    std::vector<std::string> seats;
    int rounds = 0; ///< that were asked for
    drill_limits limits;
    std::vector<drill_move> moves;
    std::vector<std::string> notes;
    std::string aborted; ///< why it ended early; empty: it didn't

    /// Nothing was aborted, and each move kept the limits.
    [[nodiscard]] bool passed() const noexcept;
};

/// What `attempts` were like between `begins` and `ends`, both from the move's beginning at `mark`, which is in the attempts'
/// own time. Pure.
[[nodiscard]] seen_target see_target(std::vector<attempt> const& attempts, std::int64_t mark, std::int64_t begins, std::int64_t ends);
[[nodiscard]] seen_address see_address(std::vector<owner_sample> const& samples, std::int64_t mark, std::int64_t begins,
                                       std::int64_t ends);
/// Writes the nodes' names in the place of MAC addresses: who answered alone at the start, and who did at the end.
void name_owners(drill_move& move);
/// What was not kept, in sentences. Pure.
[[nodiscard]] std::vector<std::string> judge(drill_move const& move, drill_limits const& limits);
/// The limits in words, as every report shows them.
[[nodiscard]] std::vector<std::string> limit_lines(drill_limits const& limits);

} // namespace dyad::cli
