// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dyad::cli {

/// One question of a witness, and who answered before the next one was asked.
struct owner_sample {
    std::int64_t asked = 0;        ///< µs
    std::vector<std::string> macs; ///< each station once; empty: nobody
};

/// A time in which the same stations answered.
struct owner_span {
    std::int64_t from = 0; ///< µs
    std::int64_t to = 0;
    std::vector<std::string> macs; ///< sorted
};

/// Who owned an address, as seen on the wire during a time.
struct owner_report {
    std::size_t questions = 0;
    std::size_t unanswered = 0;
    std::vector<owner_span> spans; ///< one behind the other, without holes
    std::int64_t two_owners = 0;   ///< µs in which more than one station answered the same questions, in steps of the questions
};

/// Questions asked from `from` to `to`; each counts until the next one. Pure.
[[nodiscard]] owner_report owners_of(std::vector<owner_sample> const& samples, std::int64_t from, std::int64_t to);

} // namespace dyad::cli
