// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/http_head.hpp"
#include "probe/connection.hpp"
#include "probe/probe.hpp"
#include "probe/verdict.hpp"

#include <array>
#include <memory>
#include <string>

namespace balance::probe {

/// Sends one HTTP/1.1 request, over TLS when the order says https, and judges the answer.
class http_probe final : public probe, public std::enable_shared_from_this<http_probe> {
public:
    /// `tls` is null for http.
    http_probe(boost::asio::any_io_executor const& executor, std::shared_ptr<order const> o,
               std::shared_ptr<verdict const> judge, tls_contexts* tls, std::size_t max_body);

    void start(done report) override;
    void abort() override;

private:
    boost::asio::awaitable<check_result> converse();

    connection stream_;
    std::shared_ptr<order const> order_;
    std::shared_ptr<verdict const> verdict_;
    core::http_response answer_;
    std::string request_;
    bool silent_ = true; ///< nothing has come yet
    std::array<char, 8192> buffer_{};
    done report_;
};

} // namespace balance::probe
