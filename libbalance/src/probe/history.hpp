// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/checker.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace balance::probe {

/// The last results of one check. Alike ones in a row are one entry, so that a few entries tell of a long time. Pure.
class history {
public:
    using time_point = std::chrono::steady_clock::time_point;

    static constexpr std::size_t most = 16; ///< entries; the oldest go

    void note(time_point now, check_result const& result);
    /// The newest first.
    [[nodiscard]] std::vector<check_run> runs(time_point now) const;

private:
    struct run {
        check_result last;
        std::uint64_t count = 0;
        milliseconds longest{0};
        time_point first_at;
        time_point last_at;
    };
    std::vector<run> runs_; ///< the oldest first
};

} // namespace balance::probe
