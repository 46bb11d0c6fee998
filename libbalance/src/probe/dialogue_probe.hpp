// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/connection.hpp"
#include "probe/dialogue.hpp"
#include "probe/probe.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>

namespace balance::probe {

/// Connects, over TLS when the order says so, and lets a dialogue speak.
class dialogue_probe final : public probe, public std::enable_shared_from_this<dialogue_probe> {
public:
    /// `tls` is null for a connection in clear.
    dialogue_probe(boost::asio::any_io_executor const& executor, std::shared_ptr<order const> o,
                   std::unique_ptr<dialogue> speaks, tls_contexts* tls);

    void start(done report) override;
    void abort() override;

private:
    boost::asio::awaitable<check_result> converse();
    /// Sends what is to be sent; why that failed, or nothing.
    boost::asio::awaitable<std::optional<check_result>> send();
    void follow_step();

    connection stream_;
    std::unique_ptr<dialogue> dialogue_;
    std::string sending_;
    std::array<char, 8192> buffer_{};
    done report_;
};

} // namespace balance::probe
