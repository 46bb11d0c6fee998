// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ssl/context.hpp>

#include <optional>

namespace balance::probe {

/// The client side of TLS for checks.
class tls_contexts {
public:
    /// `verify`: the certificate must lead to the system's store. Without it a check asks only whether the server
    /// works, so old protocol versions and weak keys of old machines are accepted too.
    [[nodiscard]] boost::asio::ssl::context& get(bool verify);

private:
    std::optional<boost::asio::ssl::context> strict_; ///< reads the system's store: made when it is needed
    std::optional<boost::asio::ssl::context> lenient_;
};

} // namespace balance::probe
