// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/source_table.hpp"

#include <balance/service.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace balance::layer7 {

/// What sources of a service's connections have and do, for all threads. Only services with such limits have one.
class source_guard {
public:
    using clock_time = std::chrono::steady_clock::time_point;

    explicit source_guard(client_limits const& l);

    /// Limits that count the same sources; others need a guard of their own.
    [[nodiscard]] bool suits(client_limits const& l) const noexcept;
    void configure(client_limits const& l);

    [[nodiscard]] core::source_table::entered enter(address const& source, clock_time now);
    void leave(address const& source);
    /// 0, or for how long the source has to wait.
    [[nodiscard]] std::chrono::nanoseconds ask(address const& source, clock_time now);

private:
    [[nodiscard]] address grouped(address const& source) const noexcept;

    unsigned const ipv4_bits_;
    unsigned const ipv6_bits_;
    std::mutex mutex_; ///< of all below
    client_limits limits_;
    core::source_table table_;
};

/// A connection's place within the limits of its service; given back at its end.
class admission {
public:
    admission() = default;
    admission(admission&& other) noexcept
        : service_(std::exchange(other.service_, nullptr)), guard_(std::move(other.guard_)), source_(other.source_) {}
    admission& operator=(admission&& other) noexcept {
        give_back();
        service_ = std::exchange(other.service_, nullptr);
        guard_ = std::move(other.guard_);
        source_ = other.source_;
        return *this;
    }
    ~admission() { give_back(); }

    /// `count` counts the service's connections, this one already.
    void of_service(std::shared_ptr<std::atomic<std::uint32_t>> count) noexcept { service_ = std::move(count); }
    void of_source(std::shared_ptr<source_guard> g, address const& source) noexcept {
        guard_ = std::move(g);
        source_ = source;
    }
    void give_back() noexcept;

private:
    std::shared_ptr<std::atomic<std::uint32_t>> service_; ///< null: not counted
    std::shared_ptr<source_guard> guard_;                 ///< null: not counted
    address source_;
};

} // namespace balance::layer7
