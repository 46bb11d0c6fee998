// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/connection.hpp"
#include "probe/dialogue.hpp"
#include "probe/probe.hpp"
#include "probe/verdict.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>

namespace balance::probe {

/// What a dialogue found out, held against what was expected of its answer (`expected` may be null). Secrets that the
/// server said itself are left out.
[[nodiscard]] check_result result_of(finding_out const& found, verdict const* expected, health_check const& c);

/// The bytes without the check's secrets, which a server may echo.
[[nodiscard]] std::string without_secrets(std::string_view bytes, health_check const& c);

/// Connects, over TLS when the order says so, and lets a dialogue speak.
class dialogue_probe final : public probe, public std::enable_shared_from_this<dialogue_probe> {
public:
    /// `tls` is null for a connection in clear. `expected`: of the dialogue's answer; may be null.
    dialogue_probe(boost::asio::any_io_executor const& executor, std::shared_ptr<order const> o,
                   std::unique_ptr<dialogue> speaks, tls_contexts* tls, std::shared_ptr<verdict const> expected = nullptr);

    void start(done report) override;
    void abort() override;

private:
    boost::asio::awaitable<check_result> converse();
    /// Sends what is to be sent; why that failed, or nothing.
    boost::asio::awaitable<std::optional<check_result>> send();
    void follow_step();

    std::shared_ptr<order const> order_;
    connection stream_;
    std::unique_ptr<dialogue> dialogue_;
    std::shared_ptr<verdict const> expected_;
    std::string sending_;
    std::array<char, 8192> buffer_{};
    done report_;
};

} // namespace balance::probe
