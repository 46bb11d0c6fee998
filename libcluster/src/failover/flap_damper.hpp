// SPDX-License-Identifier: Apache-2.0
// docs/FAILOVER.md, "Flapping".
#pragma once

#include "failover/events.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace cluster::failover {

/// Counts the moves of the addresses that nobody planned. It decides nothing: what too many mean is the machine's to say.
class flap_damper {
public:
    /// The greatest `timing::flap_limit`: as many moves are remembered.
    static constexpr unsigned most = 20;

    explicit flap_damper(timing const& t) noexcept : limit_(std::min(t.flap_limit, most)), window_(t.flap_window) {}

    void moved(time_point now) noexcept { moves_[total_++ % most] = now; }

    /// Moves within the window that ends now, at most `most`.
    [[nodiscard]] unsigned count(time_point now) const noexcept {
        auto const kept = moves_.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(total_, most));
        return static_cast<unsigned>(
            std::count_if(moves_.begin(), kept, [&](time_point t) { return now < t + window_; }));
    }

    /// When fewer than the limit will lie in the window, if no more come. In the past: they do already.
    [[nodiscard]] time_point steady_at() const noexcept {
        if (limit_ == 0 || total_ < limit_)
            return time_point::min();
        return moves_[(total_ - limit_) % most] + window_;
    }

private:
    unsigned limit_;
    milliseconds window_;
    std::array<time_point, most> moves_{};
    std::size_t total_ = 0;
};

} // namespace cluster::failover
