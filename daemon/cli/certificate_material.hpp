// SPDX-License-Identifier: Apache-2.0
// Certificates and keys as bytes: what operators get from authorities, and what a TLS service needs. No I/O here.
#pragma once

#include <balance/error.hpp>

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace dyad::cli {

/// What a service needs, in PEM, in order: certificate, chain, key.
struct certificate_bundle {
    std::string pem;
    std::string subject;
    std::chrono::system_clock::time_point not_after;
    std::vector<std::string> warnings; ///< sentences, of what may trouble clients
};

/// A file as it was given: PEM, DER, or PKCS #12 (.pfx, .p12).
struct certificate_input {
    std::string name; ///< for messages
    std::string bytes;
};

/// Asked when a key is encrypted; `what` is the file. Empty: there is none.
using password_source = std::function<std::string(std::string const& what)>;

/// Puts together what lies in the files, in whatever order: the one private key, the certificate that belongs to it, and the
/// chain behind that. Errors: `invalid_configuration` when the key is missing, belongs to none of the certificates or cannot be
/// decrypted, or the certificate has expired.
balance::result<certificate_bundle> make_bundle(std::span<certificate_input const> files, password_source const& password,
                                                std::chrono::system_clock::time_point now);

/// Is it a certificate in DER, and nothing beside it? Then the key is somewhere else.
bool is_bare_certificate(std::string const& bytes);

/// The PEM of a service with this OCSP response (DER) in it, and no other. Errors: `invalid_configuration` when it does not speak
/// of the certificate, is out of date, or says that it was revoked.
balance::result<std::string> with_response(std::string pem, std::string const& response, std::chrono::system_clock::time_point now);

/// What a certificate of one's own, or a request for one, is to say.
struct certificate_wishes {
    std::vector<std::string> names; ///< hosts and addresses; the first is the common name too
    std::string organization;       ///< empty: none
    bool rsa = false;               ///< RSA with 3072 bits, for old clients; else ECDSA with P-256
    int days = 365;                 ///< of a certificate of one's own
};

struct certificate_request {
    std::string csr; ///< PEM
    std::string key; ///< PEM, without a passphrase
};

/// Errors: `invalid_configuration` when a name is neither a host nor an address.
balance::result<certificate_request> make_request(certificate_wishes const& w);
/// Certificate and key, PEM.
balance::result<std::string> make_self_signed(certificate_wishes const& w);

} // namespace dyad::cli
