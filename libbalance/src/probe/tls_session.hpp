// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/order.hpp"

#include <boost/system/error_code.hpp>
#include <openssl/types.h>

#include <optional>
#include <string>

namespace balance::probe {

/// Sets the server's name, and what its certificate must say where the order wants it verified.
void prepare_session(SSL* session, order const& o);

/// Why the handshake failed.
[[nodiscard]] std::string session_fault(SSL* session, order const& o, boost::system::error_code const& ec);

/// "TLSv1.3, TLS_AES_256_GCM_SHA384, certificate of CN = pacs until 2027-03-01"
[[nodiscard]] std::string describe_session(SSL* session);

/// Whole days until the server's certificate ends, rounded down; negative when it has ended. Nothing: there is none.
[[nodiscard]] std::optional<int> days_left(SSL* session);

/// "the certificate ends in 3 days"
[[nodiscard]] std::string words_of_days(std::optional<int> left);

} // namespace balance::probe
