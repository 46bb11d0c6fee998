// SPDX-License-Identifier: Apache-2.0
#include "net/announcer.hpp"

#include <algorithm>
#include <array>

namespace cluster::net {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::chrono::milliseconds, 6> passes{0ms, 200ms, 400ms, 1200ms, 2200ms, 5000ms};
constexpr std::chrono::milliseconds repeat = 60s;
constexpr std::chrono::milliseconds contested_repeat = 500ms;
// What may go out at once after a pause: a pair with a few addresses announces all of them without a delay.
constexpr int burst_frames = 32;
// Clients wait for the first pass alone.
constexpr int repeats_slower = 10;

int frames_of(announcement const& a) { return a.what.floating.address.is_v4() ? (a.probe ? 3 : 2) : 1; }

} // namespace

announcer::announcer(unsigned frames_per_second)
    : per_frame_(std::chrono::nanoseconds{1s} / std::max(frames_per_second, 1u)) {}

void announcer::set(std::vector<held_address> const& addresses, time_point now) {
    auto before = std::exchange(interfaces_, {});
    for (auto const& a : addresses) {
        if (a.ethernet) {
            interfaces_[a.interface].addresses.push_back(a);
        }
    }
    for (auto& [index, s] : interfaces_) {
        auto const old = before.find(index);
        if (old == before.end()) {
            begin(s, now);
            continue;
        }
        auto& o = old->second;
        bool const gained = std::any_of(s.addresses.begin(), s.addresses.end(), [&](held_address const& a) {
            return std::find(o.addresses.begin(), o.addresses.end(), a) == o.addresses.end();
        });
        std::swap(o.addresses, s.addresses);
        s = std::move(o);
        if (gained) {
            begin(s, now);
        }
        s.position = std::min(s.position, s.addresses.size() - 1);
        std::erase_if(s.contested, [&, &kept = s](auto const& c) { return find(kept, c.first) == nullptr; });
    }
}

void announcer::start(time_point now) {
    on_ = true;
    for (auto& [index, s] : interfaces_) {
        begin(s, now);
    }
}

void announcer::restart(unsigned interface, time_point now) {
    if (auto const at = interfaces_.find(interface); at != interfaces_.end()) {
        begin(at->second, now);
    }
}

void announcer::contest(unsigned interface, address const& a, time_point now) {
    auto const at = interfaces_.find(interface);
    if (!on_ || at == interfaces_.end()) {
        return;
    }
    if (find(at->second, a) != nullptr) {
        at->second.contested.try_emplace(a, now + contested_repeat);
    }
}

void announcer::begin(schedule& s, time_point now) noexcept {
    s.position = 0;
    s.pass = 0;
    s.started = now;
    s.due = now;
}

announcer::time_point announcer::due_of(schedule const& s) noexcept {
    auto due = s.due;
    for (auto const& [a, again] : s.contested) {
        due = std::min(due, again);
    }
    return std::max(due, s.rate_due);
}

announcer::time_point announcer::deadline() const noexcept {
    auto first = time_point::max();
    if (on_) {
        for (auto const& [index, s] : interfaces_) {
            first = std::min(first, due_of(s));
        }
    }
    return first;
}

std::optional<announcement> announcer::next(time_point now) {
    if (!on_) {
        return std::nullopt;
    }
    for (auto& [index, s] : interfaces_) {
        if (now < due_of(s)) {
            continue;
        }
        auto const each = s.pass == 0 ? per_frame_ : per_frame_ * repeats_slower;
        auto const a = pick(s, now);
        s.rate_due = std::max(s.rate_due, now - each * burst_frames) + each * frames_of(a);
        return a;
    }
    return std::nullopt;
}

/// The contested ones first: there a neighbour may be wrong.
announcement announcer::pick(schedule& s, time_point now) {
    auto const due =
        std::find_if(s.contested.begin(), s.contested.end(), [now](auto const& c) { return c.second <= now; });
    if (due != s.contested.end()) {
        announcement const a{*find(s, due->first), true};
        s.contested.erase(due);
        return a;
    }
    announcement const a{s.addresses[s.position], s.pass > 0};
    if (++s.position == s.addresses.size()) {
        finish_pass(s);
    }
    return a;
}

held_address const* announcer::find(schedule const& s, address const& a) noexcept {
    auto const at = std::find_if(s.addresses.begin(), s.addresses.end(),
                                 [&](held_address const& h) { return h.floating.address == a; });
    return at == s.addresses.end() ? nullptr : &*at;
}

void announcer::finish_pass(schedule& s) noexcept {
    s.position = 0;
    ++s.pass;
    s.due = s.pass < passes.size() ? s.started + passes[s.pass] : s.due + repeat;
}

} // namespace cluster::net
