// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace balance {

/// What a certificate says, for people.
struct certificate_facts {
    std::string subject; ///< as "CN = pacs.example, O = Clinic"
    std::string issuer;
    std::vector<std::string> names; ///< hosts and addresses that it is for; without any, its common name
    std::chrono::system_clock::time_point not_before;
    std::chrono::system_clock::time_point not_after;
    /// Until when clients may be shown the OCSP response that lies beside it (PEM, "OCSP RESPONSE"); absent: there is none.
    std::optional<std::chrono::system_clock::time_point> stapled_until{};
    std::string staple_fault{}; ///< why that response cannot be shown to anybody; empty: it can, or there is none

    bool operator==(certificate_facts const&) const = default;
};

/// Reads what a TLS service needs: in PEM, the certificate, the chain behind it, and the private key without a passphrase, in
/// any order. Errors: `invalid_configuration` with what is missing or does not belong together.
[[gnu::visibility("default")]] result<certificate_facts> read_certificate(std::string const& pem);

/// When the first of the lists of revoked certificates in a PEM is out of date; absent: it holds none.
[[gnu::visibility("default")]] std::optional<std::chrono::system_clock::time_point> revocation_lists_end(std::string const& pem);

/// Does a PEM hold certificates, of whomever? That is all that those who vouch for clients need.
[[gnu::visibility("default")]] bool holds_certificates(std::string const& pem);

/// Is one of its lists of revoked certificates damaged, so that it would count for nothing?
[[gnu::visibility("default")]] bool has_damaged_revocation_list(std::string const& pem);

} // namespace balance
