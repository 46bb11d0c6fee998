// SPDX-License-Identifier: Apache-2.0
#include "core/scheduler.hpp"

#include <cmath>

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

/// The finaliser of SplitMix64.
std::uint64_t scattered(std::uint64_t v) noexcept {
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9ULL;
    v = (v ^ (v >> 27)) * 0x94d049bb133111ebULL;
    return v ^ (v >> 31);
}

/// Weighted rendezvous hashing: each server draws a number from its name and the key, and the best wins. A server's share
/// of the keys is its share of the weights.
std::optional<std::size_t> best_draw(std::span<candidate const> servers, std::uint64_t key) noexcept {
    std::optional<std::size_t> best;
    double least = 0;
    for (std::size_t i = 0; i < servers.size(); ++i) {
        if (!servers[i].eligible())
            continue;
        auto const drawn = scattered(servers[i].identity ^ key) >> 11; // 53 bits, what a double holds
        auto const cost = -std::log((static_cast<double>(drawn) + 0.5) * 0x1p-53) / servers[i].weight;
        if (!best || cost < least) {
            best = i;
            least = cost;
        }
    }
    return best;
}

/// The server on whose share of the weights `at` falls.
std::optional<std::size_t> drawn_by_weight(std::span<candidate const> servers, std::uint64_t random) noexcept {
    std::uint64_t total = 0;
    for (candidate const& c : servers)
        total += c.eligible() ? c.weight : 0;
    if (total == 0)
        return std::nullopt;
    auto left = random % total;
    for (std::size_t i = 0; i < servers.size(); ++i) {
        if (!servers[i].eligible())
            continue;
        if (left < servers[i].weight)
            return i;
        left -= servers[i].weight;
    }
    return std::nullopt;
}

std::optional<std::size_t> better_of_two(std::span<candidate const> servers, std::uint64_t random) noexcept {
    auto const one = drawn_by_weight(servers, random >> 32);
    auto const other = drawn_by_weight(servers, random & 0xffff'ffff);
    return one && lighter(servers[*other], servers[*one]) ? other : one;
}

} // namespace

std::uint64_t hash_of(std::string_view bytes) noexcept {
    std::uint64_t out = 0xcbf29ce484222325ULL; // FNV-1a
    for (char const c : bytes)
        out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return scattered(out);
}

address stand_in(std::string_view secret) noexcept {
    boost::asio::ip::address_v6::bytes_type out{0x20, 0x01, 0x0d, 0xb8};
    std::uint64_t words[] = {hash_of(secret), 0x9ae16a3b2f90404fULL};
    for (char const c : secret) // another hash than FNV-1a, so that one collision is not two
        words[1] = scattered(words[1] ^ static_cast<unsigned char>(c));
    for (std::size_t i = 4; i < out.size(); ++i)
        out[i] = static_cast<std::uint8_t>(words[i / 8] >> 8 * (i % 8));
    return boost::asio::ip::address_v6(out);
}

std::optional<algorithm> parse_algorithm(std::string_view word) noexcept {
    if (word == "wrr")
        return algorithm::wrr;
    if (word == "wlc")
        return algorithm::wlc;
    if (word == "first")
        return algorithm::first;
    if (word == "source" || word == "uri")
        return algorithm::hash;
    if (word == "random")
        return algorithm::random;
    return std::nullopt;
}

std::optional<std::size_t> choose(algorithm a, std::span<candidate> servers, std::uint64_t key) noexcept {
    switch (a) {
    case algorithm::wrr:
        return take_turns(servers, [](candidate const& c) { return c.eligible(); });
    case algorithm::wlc:
        return least_connections(servers);
    case algorithm::first:
        return first_with_room(servers);
    case algorithm::hash:
        return best_draw(servers, key);
    case algorithm::random:
        return better_of_two(servers, key);
    }
    return std::nullopt;
}

} // namespace balance::core
