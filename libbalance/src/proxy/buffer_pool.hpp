// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace balance::layer7 {

/// One thread's relay buffers. A connection has one only while it holds bytes, so the same few stay in the cache and
/// ten thousand idle connections need none. Buffers are made on demand and kept.
class buffer_pool {
public:
    explicit buffer_pool(std::size_t size) : size_(size == 0 ? 1 : size) {}

    [[nodiscard]] std::size_t buffer_size() const noexcept { return size_; }

    /// The memory is not initialised; only bytes received into it may leave it.
    [[nodiscard]] char* take() {
        if (free_.empty()) {
            all_.push_back(std::make_unique_for_overwrite<char[]>(size_));
            free_.reserve(all_.size()); // so that `give` never allocates
            return all_.back().get();
        }
        char* const buffer = free_.back();
        free_.pop_back();
        return buffer;
    }

    void give(char* buffer) noexcept { free_.push_back(buffer); }

private:
    std::size_t size_;
    std::vector<std::unique_ptr<char[]>> all_;
    std::vector<char*> free_;
};

} // namespace balance::layer7
