// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace balance::layer7 {

/// One thread's relay buffers. A connection has one only while it holds bytes, so the same few stay in the cache and
/// ten thousand idle connections need none. Buffers are made on demand; a few are kept, the others go back to the machine.
class buffer_pool {
public:
    explicit buffer_pool(std::size_t size) : size_(size == 0 ? 1 : size) { spare_.reserve(most_spare); }

    [[nodiscard]] std::size_t buffer_size() const noexcept { return size_; }

    /// To be given back. The memory is not initialised; only bytes received into it may leave it.
    [[nodiscard]] char* take() {
        if (spare_.empty())
            return std::make_unique_for_overwrite<char[]>(size_).release();
        char* const buffer = spare_.back().release();
        spare_.pop_back();
        return buffer;
    }

    void give(char* buffer) noexcept {
        std::unique_ptr<char[]> owned(buffer);
        if (spare_.size() < most_spare)
            spare_.push_back(std::move(owned)); // there is room: it was reserved
    }

private:
    static constexpr std::size_t most_spare = 64;

    std::size_t size_;
    std::vector<std::unique_ptr<char[]>> spare_;
};

} // namespace balance::layer7
