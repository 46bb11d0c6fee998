// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/access_record.hpp"
#include "proxy/descriptor.hpp"

#include <balance/proxy.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace balance::layer7 {

/// The access log of a proxy. Its threads put lines into rings, one for each, and never wait; a thread of ours writes them
/// out. A disk or journal that is too slow costs records and nothing else.
class access_journal {
public:
    explicit access_journal(std::size_t threads) : rings_(threads) {}
    ~access_journal();
    access_journal(access_journal const&) = delete;
    access_journal& operator=(access_journal const&) = delete;

    /// From any thread.
    void write_to(access_log where);
    [[nodiscard]] bool is_open() const noexcept { return open_.load(std::memory_order_acquire); }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

    /// On the thread of that number. No lock, no system call, no allocation.
    void add(std::size_t thread, core::access_record const& r) noexcept;

private:
    using clock = std::chrono::steady_clock;

    /// Bytes from one thread to another. Positions only grow.
    struct alignas(64) ring {
        static constexpr std::size_t size = std::size_t{1} << 18;

        std::unique_ptr<char[]> bytes;
        std::atomic<std::size_t> written{0};
        alignas(64) std::atomic<std::size_t> read{0};
    };
    struct target {
        layer7::descriptor file;
        std::string prefix;
    };

    void run();
    void earn(clock::time_point now);
    void drain(ring& r, target const& to);
    void put(std::string_view line, target const& to);
    void flush(target const& to);
    void confess(clock::time_point now, target const& to);
    void drop(std::uint64_t records) noexcept { dropped_.fetch_add(records, std::memory_order_relaxed); }

    std::vector<ring> rings_;
    std::atomic<bool> open_{false};
    std::atomic<std::uint32_t> rate_{0};
    std::atomic<std::int64_t> budget_{0}; ///< records that may still come
    std::atomic<std::uint64_t> dropped_{0};

    std::mutex mutex_; ///< of the three below
    std::shared_ptr<target const> target_;
    bool stopping_ = false;
    std::condition_variable news_;

    // Of the writing thread alone:
    std::string out_;
    bool torn_ = false; ///< the last line was not written to its end
    clock::time_point earned_at_{};
    std::uint64_t remainder_ = 0; ///< of a record that was earned, millionths
    std::uint64_t confessed_ = 0; ///< of `dropped_`
    clock::time_point confessed_at_{};

    std::thread thread_; ///< last: uses all of the above
};

} // namespace balance::layer7
