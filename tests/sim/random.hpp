// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace sim {

/// xoshiro256** seeded by splitmix64 (Blackman and Vigna, public domain). Its own, since the distributions of <random>
/// differ between libraries and a seed must mean the same everywhere.
class random {
public:
    explicit random(std::uint64_t seed) noexcept {
        for (std::uint64_t& word : state_) {
            seed += 0x9e3779b97f4a7c15U;
            std::uint64_t z = seed;
            z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
            z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
            word = z ^ (z >> 31U);
        }
    }

    std::uint64_t next() noexcept {
        std::uint64_t const result = rotate(state_[1] * 5, 7) * 9;
        std::uint64_t const t = state_[1] << 17U;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = rotate(state_[3], 45);
        return result;
    }

    /// Evenly from `low` to `high`, both included.
    std::int64_t between(std::int64_t low, std::int64_t high) noexcept {
        auto const span = static_cast<std::uint64_t>(high - low) + 1;
        return low + static_cast<std::int64_t>(next() % span);
    }

    /// True in `parts` of a million cases.
    bool chance(std::uint32_t parts) noexcept { return parts != 0 && next() % 1'000'000 < parts; }

    /// Small values are as likely as large ones on a logarithmic scale: every order of magnitude gets its turn.
    std::int64_t spread(std::int64_t low, std::int64_t high) noexcept {
        int octaves = 0;
        while ((low << octaves) < high)
            ++octaves;
        std::int64_t const from = low << between(0, octaves > 0 ? octaves - 1 : 0);
        std::int64_t const to = from * 2 < high ? from * 2 : high;
        return between(from, to);
    }

private:
    static constexpr std::uint64_t rotate(std::uint64_t x, unsigned k) noexcept { return (x << k) | (x >> (64U - k)); }
    std::uint64_t state_[4];
};

} // namespace sim
