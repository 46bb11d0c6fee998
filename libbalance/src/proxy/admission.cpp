// SPDX-License-Identifier: Apache-2.0
#include "proxy/admission.hpp"

#include "core/subnet.hpp"

#include <random>

namespace balance::layer7 {
namespace {

/// Of one service; 48 bytes each.
constexpr std::size_t most_sources = 65'536;

std::uint64_t secret() {
    std::random_device entropy;
    return std::uint64_t{entropy()} << 32 | entropy();
}

} // namespace

source_guard::source_guard(client_limits const& l)
    : ipv4_bits_(l.ipv4_prefix), ipv6_bits_(l.ipv6_prefix), table_(most_sources, secret()) {
    configure(l);
}

bool source_guard::suits(client_limits const& l) const noexcept {
    return l.ipv4_prefix == ipv4_bits_ && l.ipv6_prefix == ipv6_bits_;
}

void source_guard::configure(client_limits const& l) {
    std::lock_guard const lock(mutex_);
    limits_ = l;
    table_.configure({l.source_connections, l.source_rate, l.source_period});
}

address source_guard::grouped(address const& source) const noexcept {
    return core::masked(source, source.is_v4() ? ipv4_bits_ : ipv6_bits_);
}

core::source_table::entered source_guard::enter(address const& source, clock_time now) {
    std::lock_guard const lock(mutex_);
    return core::holds(limits_.except, source) ? core::source_table::entered{} : table_.enter(grouped(source), now);
}

void source_guard::leave(address const& source) {
    std::lock_guard const lock(mutex_);
    table_.leave(grouped(source));
}

std::chrono::nanoseconds source_guard::ask(address const& source, clock_time now) {
    std::lock_guard const lock(mutex_);
    return core::holds(limits_.except, source) ? std::chrono::nanoseconds(0) : table_.ask(grouped(source), now);
}

void admission::give_back() noexcept {
    if (service_) {
        service_->fetch_sub(1); // in one order for all: `worker::tell_of_room`
        service_.reset();
    }
    if (guard_) {
        guard_->leave(source_);
        guard_.reset();
    }
}

} // namespace balance::layer7
