// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace balance::core {

/// What each source of connections has and does, held against a maximum. Of fixed size: sources that have nothing and were
/// quiet for long enough make room for others, and where all places of a set are taken a further source is not counted.
class source_table {
public:
    using clock_time = std::chrono::steady_clock::time_point;

    struct settings {
        std::uint32_t connections = 0; ///< of one source; 0: no maximum
        std::uint32_t rate = 0;        ///< in `period`, at once or one after the other; 0: no maximum
        std::chrono::nanoseconds period{0};

        bool operator==(settings const&) const = default;
    };

    /// `sources`: that are remembered, rounded up. `seed` is secret, so that nobody can choose sources that push others out.
    source_table(std::size_t sources, std::uint64_t seed);

    void configure(settings s) noexcept { settings_ = s; }

    struct entered {
        bool counted = false;      ///< to be given back with `leave`
        std::uint32_t over = 0;    ///< how many the source has beyond its maximum now
    };
    /// A connection comes.
    entered enter(address const& source, clock_time now) noexcept;
    void leave(address const& source) noexcept;

    /// May the source do one thing more? 0, or for how long it has to wait.
    std::chrono::nanoseconds ask(address const& source, clock_time now) noexcept;

private:
    using key = std::array<std::uint8_t, 17>;
    using nanoseconds = std::chrono::nanoseconds;
    static constexpr std::size_t ways = 8;

    struct slot {
        source_table::key source{}; ///< all 0: free
        std::uint32_t connections = 0;
        nanoseconds paid_until{0}; ///< generic cell rate: when all that was done has been worked off
    };

    [[nodiscard]] static key key_of(address const& a) noexcept;
    [[nodiscard]] slot* set_of(key const& k) noexcept;
    [[nodiscard]] slot* find(key const& k) noexcept;
    /// Null: there is no room.
    [[nodiscard]] slot* find_or_make(key const& k) noexcept;

    settings settings_;
    std::uint64_t seed_;
    std::vector<slot> slots_; ///< sets of `ways`; their number is a power of two
};

} // namespace balance::core
