// SPDX-License-Identifier: Apache-2.0
#include "core/source_table.hpp"

#include <algorithm>
#include <bit>

namespace balance::core {
namespace {

std::uint64_t mixed(std::uint64_t x) noexcept { // splitmix64
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
}

} // namespace

source_table::source_table(std::size_t sources, std::uint64_t seed)
    : seed_(seed), slots_(ways * std::bit_ceil(std::max<std::size_t>((sources + ways - 1) / ways, 1))) {}

source_table::key source_table::key_of(address const& a) noexcept {
    key out{};
    auto const put = [&](auto const& bytes) { std::copy(bytes.begin(), bytes.end(), out.begin() + 1); };
    out[0] = a.is_v4() ? 4 : 6;
    a.is_v4() ? put(a.to_v4().to_bytes()) : put(a.to_v6().to_bytes());
    return out;
}

source_table::slot* source_table::set_of(key const& k) noexcept {
    std::uint64_t hash = seed_;
    for (std::size_t i = 1; i < k.size(); i += 8) {
        std::uint64_t word = k[0];
        for (std::size_t j = i; j < i + 8; ++j)
            word = word << 8 ^ k[j] ^ word >> 56;
        hash = mixed(hash ^ word);
    }
    return slots_.data() + ways * (hash & (slots_.size() / ways - 1));
}

source_table::slot* source_table::find(key const& k) noexcept {
    auto* const set = set_of(k);
    auto* const found = std::find_if(set, set + ways, [&](slot const& s) { return s.source == k; });
    return found == set + ways ? nullptr : found;
}

source_table::slot* source_table::find_or_make(key const& k) noexcept {
    if (auto* const known = find(k))
        return known;
    auto* const set = set_of(k);
    auto* const least = std::min_element(set, set + ways, [](slot const& a, slot const& b) {
        bool const a_busy = a.connections != 0;
        bool const b_busy = b.connections != 0;
        return a_busy != b_busy ? b_busy : a.paid_until < b.paid_until;
    });
    if (least->connections != 0)
        return nullptr;
    *least = {k, 0, nanoseconds(0)};
    return least;
}

source_table::entered source_table::enter(address const& source, clock_time) noexcept {
    if (settings_.connections == 0)
        return {};
    auto* const s = find_or_make(key_of(source));
    if (s == nullptr)
        return {};
    ++s->connections;
    return {true, s->connections > settings_.connections ? s->connections - settings_.connections : 0};
}

void source_table::leave(address const& source) noexcept {
    if (auto* const s = find(key_of(source)); s != nullptr && s->connections != 0)
        --s->connections;
}

std::chrono::nanoseconds source_table::ask(address const& source, clock_time now) noexcept {
    if (settings_.rate == 0)
        return nanoseconds(0);
    auto* const s = find_or_make(key_of(source));
    if (s == nullptr)
        return nanoseconds(0);
    auto const one = settings_.period / settings_.rate;
    auto const at = std::chrono::duration_cast<nanoseconds>(now.time_since_epoch());
    s->paid_until = std::min(s->paid_until, at + settings_.period); // the period may have been longer
    auto const from = std::max(s->paid_until, at);
    auto const wait = from + one - at - settings_.period;
    if (wait > nanoseconds(0))
        return wait;
    s->paid_until = from + one;
    return nanoseconds(0);
}

} // namespace balance::core
