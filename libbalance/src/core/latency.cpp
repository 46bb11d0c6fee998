// SPDX-License-Identifier: Apache-2.0
#include "core/latency.hpp"

#include <numeric>

namespace balance::core::latency {

percentiles percentiles_of(std::span<std::uint64_t const, classes> counts) noexcept {
    percentiles out;
    out.count = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    if (out.count == 0)
        return out; // of thousands of idle servers each is asked every second
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < classes; ++i) {
        auto const before = seen;
        seen += counts[i];
        auto const reached = [&](std::uint64_t hundredths) {
            auto const wanted = (out.count * hundredths + 99) / 100;
            return before < wanted && wanted <= seen;
        };
        if (reached(50))
            out.p50 = longest_of(i);
        if (reached(90))
            out.p90 = longest_of(i);
        if (reached(99))
            out.p99 = longest_of(i);
    }
    return out;
}

} // namespace balance::core::latency
