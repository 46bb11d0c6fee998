// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <cstdint>

namespace balance::core {

/// Turns single check results into a server's health.
///
/// The first result of a server nobody knew decides at once: a balancer that has just started must neither wait `rise`
/// intervals before it serves nor send clients to a server that is down. From then on `rise` successes in a row bring
/// it up and `fall` failures in a row take it down. A seeded state counts as known, so one odd result does not turn it.
class health_tracker {
public:
    /// `rise` and `fall` of 0 count as 1.
    health_tracker(std::uint16_t rise, std::uint16_t fall, health seed = health::unknown) noexcept;

    /// Takes in one result; true when the health changed.
    bool report(bool success) noexcept;

    /// Takes over what somebody else found out, where nothing is known; true when that was so.
    bool seed(health said) noexcept;

    /// Down, however many failures that would need. True when the health changed.
    bool take_down() noexcept;

    [[nodiscard]] health state() const noexcept { return state_; }

    /// Results in a row that contradict the state.
    [[nodiscard]] std::uint16_t contradictions() const noexcept { return contradictions_; }

private:
    std::uint16_t rise_;
    std::uint16_t fall_;
    std::uint16_t contradictions_ = 0;
    health state_;
};

} // namespace balance::core
