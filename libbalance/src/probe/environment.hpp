// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/latency.hpp"
#include "probe/program_slots.hpp"

#include <balance/checker.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

namespace balance::probe {

class clockwork;
class ping_socket;
class socket_line;
class socket_set;
class tls_contexts;

/// What all checks of a checker share.
class environment {
public:
    environment(boost::asio::any_io_executor executor, checker::settings s);
    ~environment();
    environment(environment const&) = delete;
    environment& operator=(environment const&) = delete;

    [[nodiscard]] boost::asio::any_io_executor const& executor() const noexcept { return executor_; }
    [[nodiscard]] checker::settings const& settings() const noexcept { return settings_; }

    /// One socket for all targets of a family; made when first asked for.
    [[nodiscard]] std::shared_ptr<ping_socket> ping(bool v6);
    /// For the connections to one target.
    [[nodiscard]] std::shared_ptr<socket_line> line();
    [[nodiscard]] std::shared_ptr<clockwork> const& times() const noexcept { return times_; }
    [[nodiscard]] tls_contexts& tls();
    [[nodiscard]] std::shared_ptr<program_slots> const& programs() const noexcept { return programs_; }

    /// A check begins, so much later than it was due.
    void note_start(std::chrono::microseconds late) noexcept { ++late_[core::latency::class_of(late)]; }
    /// Of those noted since the last call.
    [[nodiscard]] percentiles take_lateness() noexcept {
        return core::latency::percentiles_of(std::exchange(late_, {}));
    }

private:
    boost::asio::any_io_executor executor_;
    checker::settings settings_;
    std::shared_ptr<ping_socket> ping_v4_;
    std::shared_ptr<ping_socket> ping_v6_;
    std::shared_ptr<socket_set> sockets_;
    std::shared_ptr<clockwork> times_;
    std::unique_ptr<tls_contexts> tls_;
    std::array<std::uint64_t, core::latency::classes> late_{};
    std::shared_ptr<program_slots> programs_; ///< outlived by programs that are being killed
};

} // namespace balance::probe
