// SPDX-License-Identifier: Apache-2.0
#include "core/timer_wheel.hpp"

#include <algorithm>
#include <utility>

namespace balance::core {
namespace {

/// By how many ticks the hand moves at once when it is behind. A single pause leads to no burst, rounds of an event loop that
/// are always long, up to 12 ms, keep pace with the time, and longer ones fall behind by a bounded time.
std::uint64_t stride(std::uint64_t since_last, std::uint64_t behind) noexcept {
    constexpr std::uint64_t longest = 250;
    return std::max(2 * std::clamp<std::uint64_t>(since_last, 1, 3), std::min(behind / 16, longest));
}

} // namespace

std::uint64_t timer_wheel::tick_of(clock::time_point when) noexcept {
    return static_cast<std::uint64_t>(when.time_since_epoch() / tick);
}

timer_wheel::clock::time_point timer_wheel::set(entry& e, clock::time_point when) noexcept {
    e.unlink();
    e.tick_ = std::max(tick_of(when + tick - clock::duration(1)), hand_ + 1);
    put(e);
    return time_of(e.tick_);
}

void timer_wheel::put(entry& e) noexcept {
    auto const slot = e.tick_ % slots;
    slots_[slot].push_back(e);
    soonest_[slot] = std::min(soonest_[slot], e.tick_);
}

std::uint64_t timer_wheel::next_tick() const noexcept {
    for (auto at = hand_ + 1; at <= hand_ + slots; ++at)
        if (soonest_[at % slots] <= at)
            return at;
    return *std::ranges::min_element(soonest_);
}

std::optional<timer_wheel::clock::time_point> timer_wheel::next() const noexcept {
    auto const at = next_tick();
    return at == never ? std::nullopt : std::optional(time_of(at));
}

void timer_wheel::advance(clock::time_point now) {
    auto const before = std::exchange(present_, tick_of(now));
    auto at = next_tick();
    if (at > present_)
        return;
    auto const last = std::min(present_, at - 1 + stride(present_ - before, present_ - at));
    for (; at <= last; at = next_tick()) {
        hand_ = at;
        call_slot();
    }
}

void timer_wheel::call_slot() {
    struct put_back {
        ~put_back() {
            while (!all.empty()) {
                auto& e = all.front();
                all.pop_front();
                e.tick_ = std::max(e.tick_, wheel.hand_ + 1);
                wheel.put(e);
            }
        }
        timer_wheel& wheel;
        entries all;
    };
    auto const slot = hand_ % slots;
    soonest_[slot] = never;
    put_back rest{*this, {}};
    rest.all.swap(slots_[slot]);
    while (!rest.all.empty()) {
        auto& e = rest.all.front();
        rest.all.pop_front();
        if (e.tick_ <= hand_)
            e.on_time();
        else
            put(e);
    }
}

} // namespace balance::core
