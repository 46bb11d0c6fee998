// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace cluster::wire {

/// How long a token may be tried, and how often: each wrong one makes the next wait twice as long, and a handful ends
/// it. Pure: moments go in.
class pairing_window {
public:
    using clock = std::chrono::steady_clock;
    using milliseconds = std::chrono::milliseconds;

    struct limits {
        milliseconds life{600'000};
        milliseconds first_delay{1'000}; ///< after the first wrong token
        unsigned most_wrong = 5;
    };

    pairing_window(clock::time_point opened, limits l) : limits_(l), closes_(opened + l.life), not_before_(opened) {}

    [[nodiscard]] bool is_open(clock::time_point now) const { return wrong_ < limits_.most_wrong && now < closes_; }
    [[nodiscard]] clock::time_point closes() const noexcept { return closes_; }
    /// A token that comes earlier waits until then.
    [[nodiscard]] clock::time_point not_before() const noexcept { return not_before_; }
    [[nodiscard]] unsigned wrong_tokens() const noexcept { return wrong_; }

    /// A wrong token was tried. Returns for how long the next one waits.
    milliseconds wrong(clock::time_point now) {
        auto const delay = limits_.first_delay * (1 << std::min(wrong_, 10u));
        ++wrong_;
        not_before_ = std::max(not_before_, now) + delay;
        return delay;
    }

private:
    limits limits_;
    clock::time_point closes_;
    clock::time_point not_before_;
    unsigned wrong_ = 0;
};

} // namespace cluster::wire
