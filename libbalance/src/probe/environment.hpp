// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/program_slots.hpp"

#include <balance/checker.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace balance::probe {

class ping_socket;
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
    [[nodiscard]] tls_contexts& tls();
    [[nodiscard]] std::shared_ptr<program_slots> const& programs() const noexcept { return programs_; }

private:
    boost::asio::any_io_executor executor_;
    checker::settings settings_;
    std::shared_ptr<ping_socket> ping_v4_;
    std::shared_ptr<ping_socket> ping_v6_;
    std::unique_ptr<tls_contexts> tls_;
    std::shared_ptr<program_slots> programs_; ///< outlived by programs that are being killed
};

} // namespace balance::probe
