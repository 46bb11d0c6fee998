// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace dyad {

/// A number in memory that this process and those it forks share. Lives as long as the process.
class shared_word {
public:
    /// Throws std::bad_alloc when there is no memory.
    shared_word();
    ~shared_word();
    shared_word(shared_word const&) = delete;
    shared_word& operator=(shared_word const&) = delete;

    [[nodiscard]] std::atomic<std::uint64_t>* get() const noexcept { return word_; }

private:
    std::atomic<std::uint64_t>* word_;
};

} // namespace dyad
