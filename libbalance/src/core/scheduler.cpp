// SPDX-License-Identifier: Apache-2.0
#include "core/scheduler.hpp"

namespace balance::core {
namespace {

/// Smooth weighted round robin over the candidates that `in` accepts: everyone earns its weight, the richest is picked
/// and pays what all earned. The credits of an unchanging set are back where they were after `sum of weights` picks.
template <class Predicate>
std::optional<std::size_t> take_turns(std::span<candidate> servers, Predicate in) noexcept {
    std::optional<std::size_t> best;
    std::int64_t total = 0;
    for (std::size_t i = 0; i < servers.size(); ++i) {
        candidate& c = servers[i];
        if (!in(c))
            continue;
        c.credit += c.weight;
        total += c.weight;
        if (!best || c.credit > servers[*best].credit)
            best = i;
    }
    if (best)
        servers[*best].credit -= total;
    return best;
}

/// Is a's load per weight smaller than b's? Products of 32 bits fit 64.
bool lighter(candidate const& a, candidate const& b) noexcept {
    return std::uint64_t{a.active} * b.weight < std::uint64_t{b.active} * a.weight;
}

std::optional<std::size_t> least_connections(std::span<candidate> servers) noexcept {
    candidate const* least = nullptr;
    for (candidate const& c : servers)
        if (c.eligible() && (least == nullptr || lighter(c, *least)))
            least = &c;
    if (least == nullptr)
        return std::nullopt;
    candidate const bar = *least;
    return take_turns(servers, [&bar](candidate const& c) { return c.eligible() && !lighter(bar, c); });
}

std::optional<std::size_t> first_with_room(std::span<candidate const> servers) noexcept {
    for (std::size_t i = 0; i < servers.size(); ++i)
        if (servers[i].eligible())
            return i;
    return std::nullopt;
}

} // namespace

std::optional<algorithm> parse_algorithm(std::string_view word) noexcept {
    if (word == "wrr")
        return algorithm::wrr;
    if (word == "wlc")
        return algorithm::wlc;
    if (word == "first")
        return algorithm::first;
    return std::nullopt;
}

std::optional<std::size_t> choose(algorithm a, std::span<candidate> servers) noexcept {
    switch (a) {
    case algorithm::wrr:
        return take_turns(servers, [](candidate const& c) { return c.eligible(); });
    case algorithm::wlc:
        return least_connections(servers);
    case algorithm::first:
        return first_with_room(servers);
    }
    return std::nullopt;
}

} // namespace balance::core
