// SPDX-License-Identifier: Apache-2.0
#include "proxy/traffic.hpp"

#include <algorithm>
#include <cmath>

namespace balance::layer7 {
namespace {

constexpr std::chrono::seconds memory{3}; // of a rate
constexpr std::chrono::milliseconds shortest_span{200};

std::int64_t minute_of(recent_times::clock::time_point t) noexcept {
    return std::chrono::duration_cast<std::chrono::minutes>(t.time_since_epoch()).count();
}

} // namespace

void recent_times::add(clock::duration length, clock::time_point now) noexcept {
    auto const minute = minute_of(now);
    auto const known = minute_.load(std::memory_order_relaxed);
    if (minute != known) {
        for (std::size_t i = 0; i < minutes_.size(); ++i)
            if (minute != known + 1 || i == static_cast<std::size_t>(minute & 1))
                for (auto& c : minutes_[i])
                    c.store(0, std::memory_order_relaxed);
        minute_.store(minute, std::memory_order_relaxed);
    }
    auto const which = core::latency::class_of(std::chrono::duration_cast<std::chrono::microseconds>(length));
    auto& c = minutes_[static_cast<std::size_t>(minute & 1)][which];
    c.store(c.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void recent_times::read(std::array<std::uint64_t, core::latency::classes>& sum, clock::time_point now) const noexcept {
    auto const known = minute_.load(std::memory_order_relaxed);
    auto const age = minute_of(now) - known;
    if (age > 1)
        return;
    for (std::size_t i = 0; i < minutes_.size(); ++i)
        if (age == 0 || i == static_cast<std::size_t>(known & 1))
            for (std::size_t c = 0; c < sum.size(); ++c)
                sum[c] += minutes_[i][c].load(std::memory_order_relaxed);
}

counters total(std::vector<traffic> const& shares) noexcept {
    counters sum;
    for (auto const& t : shares) {
        sum.connections += t.connections.load(std::memory_order_relaxed);
        sum.in_bytes += t.in_bytes.load(std::memory_order_relaxed);
        sum.out_bytes += t.out_bytes.load(std::memory_order_relaxed);
    }
    return sum;
}

exchanges total_exchanges(std::vector<traffic> const& shares, recent_times::clock::time_point now) noexcept {
    exchanges sum;
    std::array<std::uint64_t, core::latency::classes> times{};
    for (auto const& t : shares) {
        for (std::size_t i = 0; i < sum.answers.size(); ++i)
            sum.answers[i] += t.answers[i].load(std::memory_order_relaxed);
        auto const failures = [&](failure f) { return t.failures[static_cast<std::size_t>(f)].load(std::memory_order_relaxed); };
        sum.refused += failures(failure::refused);
        sum.no_server += failures(failure::no_server);
        sum.no_room += failures(failure::no_room);
        sum.unreachable += failures(failure::unreachable);
        sum.broken += failures(failure::broken);
        sum.late += failures(failure::late);
        t.times.read(times, now);
    }
    sum.time = core::latency::percentiles_of(times);
    return sum;
}

std::uint64_t errors_of(std::vector<traffic> const& shares, bool server_errors) noexcept {
    std::uint64_t sum = 0;
    for (auto const& t : shares) {
        for (auto const f : {failure::unreachable, failure::broken, failure::late})
            sum += t.failures[static_cast<std::size_t>(f)].load(std::memory_order_relaxed);
        if (server_errors)
            sum += t.answers.back().load(std::memory_order_relaxed);
    }
    return sum;
}

void rate_meter::rested_until(clock::time_point when) noexcept {
    asked_ = when;
    connections_ = in_bytes_ = out_bytes_ = 0;
}

rates rate_meter::read(counters const& now, clock::time_point when) noexcept {
    bool const first = asked_ == clock::time_point{};
    if (!first && now == last_ && connections_ + in_bytes_ + out_bytes_ < 1) { // as idle as most servers are
        rested_until(when);
        return {};
    }
    auto const span = std::chrono::duration<double>(when - asked_);
    if (first || span >= shortest_span) {
        auto const weight = 1 - std::exp(-span / std::chrono::duration<double>(memory));
        auto const update = [&](double& rate, std::uint64_t after, std::uint64_t before) {
            rate = first ? 0 : rate + (static_cast<double>(after - before) / span.count() - rate) * weight;
        };
        update(connections_, now.connections, last_.connections);
        update(in_bytes_, now.in_bytes, last_.in_bytes);
        update(out_bytes_, now.out_bytes, last_.out_bytes);
        last_ = now;
        asked_ = when;
    }
    auto const whole = [](double rate) { return static_cast<std::uint64_t>(std::lround(std::max(rate, 0.0))); };
    return {.connections = whole(connections_), .in_bytes = whole(in_bytes_), .out_bytes = whole(out_bytes_)};
}

} // namespace balance::layer7
