// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "event_queue.hpp"
#include "fault.hpp"
#include "random.hpp"
#include "world.hpp"

#include <array>

namespace sim {

/// Does faults to a world. Each seed has its own mixture: some faults often, some never, so that rare ones meet each
/// other.
class mischief {
public:
    mischief(world& w, random dice);

    /// Runs the world until `until`, with faults beginning and ending on the way.
    void run_until(instant until);

private:
    void begin(fault f);
    void begin_on_node(fault f, std::size_t node, std::size_t link);
    void ask(fault f, std::size_t node);
    void end(occurrence const& o);
    void last(fault f, std::size_t node, std::size_t link, instant least, instant most);
    void change(fault f, std::size_t node, std::size_t link, int by);
    fault pick();

    world& world_;
    random dice_;
    event_queue ends_;
    std::array<std::uint32_t, fault_count> weights_{};
    std::uint32_t weight_sum_ = 0;
    instant pace_; ///< between faults, on average
    instant next_;
};

} // namespace sim
