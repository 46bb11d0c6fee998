// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/certificate.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

struct ssl_ctx_st;
struct x509_st;
struct X509_crl_st;

namespace balance::layer7 {

/// What went wrong in OpenSSL last, behind `what`. Errors: `invalid_configuration`.
error tls_error(std::string what);

/// Gives a context the certificate, chain and key of a PEM. Errors: as of `read_certificate`.
result<> use_certificate(ssl_ctx_st* c, std::string const& pem);

/// Calls `f` with each certificate of a PEM. How many there were.
std::size_t for_each_certificate(std::string const& pem, std::function<void(x509_st*)> const& f);

/// The same with lists of revoked certificates.
std::size_t for_each_revocation_list(std::string const& pem, std::function<void(X509_crl_st*)> const& f);

/// What lies beside a certificate for clients that ask whether it was revoked.
struct staple {
    std::string response; ///< OCSP, DER; empty: there is none
    std::chrono::system_clock::time_point until{};
    std::string fault; ///< why it cannot be shown; empty: it can
};
/// `c` has the certificate and chain of the PEM in use.
staple read_staple(ssl_ctx_st* c, std::string const& pem);

} // namespace balance::layer7
