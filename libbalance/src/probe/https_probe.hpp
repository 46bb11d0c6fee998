// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/connection.hpp"
#include "probe/http_exchange.hpp"
#include "probe/probe.hpp"

#include <array>
#include <memory>

namespace balance::probe {

/// Sends one HTTP/1.1 request over TLS and judges the answer.
class https_probe final : public probe, public std::enable_shared_from_this<https_probe> {
public:
    https_probe(environment& env, std::shared_ptr<order const> o, std::shared_ptr<http_question const> question);

    void start(done report) override;
    void abort() override;

private:
    boost::asio::awaitable<check_result> converse();

    connection stream_;
    http_exchange exchange_;
    std::array<char, 8192> buffer_;
    done report_;
};

} // namespace balance::probe
