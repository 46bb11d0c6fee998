// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/certificate.hpp>

#include <cstddef>
#include <functional>
#include <string>

struct ssl_ctx_st;
struct x509_st;

namespace balance::layer7 {

/// What went wrong in OpenSSL last, behind `what`. Errors: `invalid_configuration`.
error tls_error(std::string what);

/// Gives a context the certificate, chain and key of a PEM. Errors: as of `read_certificate`.
result<> use_certificate(ssl_ctx_st* c, std::string const& pem);

/// Calls `f` with each certificate of a PEM. How many there were.
std::size_t for_each_certificate(std::string const& pem, std::function<void(x509_st*)> const& f);

} // namespace balance::layer7
