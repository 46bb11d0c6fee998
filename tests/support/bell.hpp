// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/timer_wheel.hpp"

#include <functional>
#include <utility>

namespace test {

/// Counts how often its time came, and does then what the test says.
struct bell final : balance::core::timer_wheel::entry {
    explicit bell(std::function<void()> ring = {}) : ring(std::move(ring)) {}
    void on_time() override {
        ++rung;
        if (ring)
            ring();
    }
    std::function<void()> ring;
    int rung = 0;
};

} // namespace test
