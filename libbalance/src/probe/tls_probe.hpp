// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/connection.hpp"
#include "probe/probe.hpp"

#include <memory>

namespace balance::probe {

/// Makes a TLS handshake, looks at the certificate, and closes again.
class tls_probe final : public probe, public std::enable_shared_from_this<tls_probe> {
public:
    tls_probe(boost::asio::any_io_executor const& executor, std::shared_ptr<order const> o, tls_contexts& tls);

    void start(done report) override;
    void abort() override;

private:
    connection stream_;
    done report_;
};

} // namespace balance::probe
