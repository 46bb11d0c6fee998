// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace cluster::wire {

/// Remembers which of the last `size` counters of a session were seen (RFC 6479's ring of words).
class replay_window {
public:
    static constexpr std::uint64_t size = 2048;

    enum class answer : std::uint8_t { fresh, seen, too_old };

    replay_window() = default;
    /// Everything up to and including `counter` counts as seen.
    explicit replay_window(std::uint64_t counter) noexcept;

    /// Would `counter` be a new one? Changes nothing: cheap enough to ask before a frame is authenticated.
    [[nodiscard]] answer look(std::uint64_t counter) const noexcept;
    /// Notes it. Only for counters of authenticated frames.
    void mark(std::uint64_t counter) noexcept;

    [[nodiscard]] std::uint64_t highest() const noexcept { return highest_; }

private:
    // One word more than the window: the word of the highest counter may be half used.
    static constexpr std::uint64_t words = size / 64 + 1;

    std::array<std::uint64_t, words> words_{};
    std::uint64_t highest_ = 0;
};

} // namespace cluster::wire
