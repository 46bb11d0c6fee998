// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace sim {

/// Virtual nanoseconds since the run began.
using instant = std::int64_t;
inline constexpr instant ms = 1'000'000;

/// What will happen when; `what` and the numbers mean what the world wants.
struct occurrence {
    instant at = 0;
    std::uint32_t order = 0; ///< of being scheduled: breaks ties, so that a seed always gives the same run
    std::uint8_t what = 0;
    std::uint8_t node = 0;
    std::uint16_t small = 0;
    std::uint32_t large = 0;
};

/// A binary heap of occurrences; no allocation once it has grown.
class event_queue {
public:
    void add(instant at, std::uint8_t what, std::uint8_t node, std::uint16_t small = 0, std::uint32_t large = 0) {
        heap_.push_back({at, order_++, what, node, small, large});
        std::push_heap(heap_.begin(), heap_.end(), later);
    }
    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] instant next() const noexcept { return heap_.front().at; }
    occurrence take() {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        occurrence const o = heap_.back();
        heap_.pop_back();
        return o;
    }

private:
    static bool later(occurrence const& a, occurrence const& b) noexcept {
        return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
    std::vector<occurrence> heap_;
    std::uint32_t order_ = 0;
};

} // namespace sim
