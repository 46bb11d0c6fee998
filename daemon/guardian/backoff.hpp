// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace dyad {

/// How long to wait before a dead process is started again. Pure.
class backoff {
public:
    using milliseconds = std::chrono::milliseconds;

    static constexpr milliseconds first_wait{100}; ///< after the second death in a row; doubles from there
    static constexpr milliseconds longest{5000};
    static constexpr milliseconds forgiven{60'000}; ///< a process that lived so long starts from the beginning

    /// The process died after living for `lived`: 0 the first time, then 100, 200, … up to 5000 ms.
    milliseconds after_life_of(milliseconds lived);

    /// Deaths in a row, each after less than `forgiven`.
    [[nodiscard]] unsigned quick_deaths() const noexcept { return deaths_; }

private:
    unsigned deaths_ = 0;
};

} // namespace dyad
