// SPDX-License-Identifier: Apache-2.0
#include "coverage.hpp"

#include <algorithm>
#include <cstdio>

namespace sim {

using cluster::node_state;
using cluster::failover::may_become;
using cluster::failover::state_count;

static constexpr std::array<char const*, event_count> event_names{
    "heartbeat", "peer restarted", "goodbye", "link", "health", "acquired", "released", "request", "ping answered", "witness", "timer"};

/// What cannot be met: a stopped machine has no process, and an effect is answered where it can still be outstanding.
static bool possible(std::size_t event, std::size_t state) {
    constexpr std::size_t acquired = 5;
    constexpr std::size_t released = 6;
    constexpr std::size_t witness = 9;
    auto const s = static_cast<node_state>(state);
    if (s == node_state::stopped)
        return false;
    if (event == acquired)
        return s == node_state::acquiring || s == node_state::releasing;
    if (event == released)
        return s == node_state::releasing;
    if (event == witness) // asked while passive, answered later
        return s == node_state::passive || s == node_state::active;
    return true;
}

/// Some events meet some states by a rare chance only (a goodbye meets a woken listener): those have to be seen at all.
static std::uint64_t least_met(std::uint64_t least) { return least == 0 ? 0 : std::max<std::uint64_t>(1, least / 100); }

void coverage::add(coverage const& other) {
    for (std::size_t i = 0; i < state_count; ++i)
        for (std::size_t j = 0; j < state_count; ++j)
            transitions[i][j] += other.transitions[i][j];
    for (std::size_t i = 0; i < event_count; ++i)
        for (std::size_t j = 0; j < state_count; ++j)
            events[i][j] += other.events[i][j];
    for (std::size_t i = 0; i < fault_count; ++i)
        faults[i] += other.faults[i];
    steps += other.steps;
}

static std::string row(char const* name) {
    std::array<char, 32> cell{};
    std::snprintf(cell.data(), cell.size(), "%-18s", name);
    return cell.data();
}

static std::string cell(std::uint64_t count, bool expected, std::uint64_t least) {
    std::array<char, 32> text{};
    if (!expected && count == 0)
        std::snprintf(text.data(), text.size(), "%12s", "-");
    else
        std::snprintf(text.data(), text.size(), "%11llu%c", static_cast<unsigned long long>(count),
                      expected && count < least ? '!' : ' ');
    return text.data();
}

static std::string heading(char const* name) {
    std::string line = row(name);
    for (std::size_t s = 0; s < state_count; ++s) {
        std::array<char, 32> text{};
        std::snprintf(text.data(), text.size(), "%11s ", cluster::to_string(static_cast<node_state>(s)).data());
        line += text.data();
    }
    return line + "\n";
}

std::string coverage::table(std::uint64_t least) const {
    std::string out = heading("from \\ to");
    for (std::size_t from = 0; from < state_count; ++from) {
        out += row(cluster::to_string(static_cast<node_state>(from)).data());
        for (std::size_t to = 0; to < state_count; ++to)
            out += cell(transitions[from][to], may_become(static_cast<node_state>(from), static_cast<node_state>(to)),
                        least);
        out += "\n";
    }
    out += "\n" + heading("event \\ state");
    for (std::size_t e = 0; e < event_count; ++e) {
        out += row(event_names[e]);
        for (std::size_t s = 0; s < state_count; ++s)
            out += cell(events[e][s], possible(e, s), least_met(least));
        out += "\n";
    }
    out += "\nfaults\n";
    for (std::size_t f = 0; f < fault_count; ++f)
        out += row(fault_names[f].data()) + cell(faults[f], true, least) + (f % 4 == 3 ? "\n" : "   ");
    return out + "\n";
}

std::size_t coverage::rare(std::uint64_t least) const {
    std::size_t n = 0;
    for (std::size_t i = 0; i < state_count; ++i) {
        for (std::size_t j = 0; j < state_count; ++j) {
            bool const allowed = may_become(static_cast<node_state>(i), static_cast<node_state>(j));
            n += allowed && transitions[i][j] < least ? 1U : 0U;
        }
    }
    for (std::size_t e = 0; e < event_count; ++e)
        for (std::size_t s = 0; s < state_count; ++s)
            n += possible(e, s) && events[e][s] < least_met(least) ? 1U : 0U;
    for (std::uint64_t const count : faults)
        n += count < least ? 1U : 0U;
    return n;
}

} // namespace sim
