// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace balance::probe {

/// The client's side of SCRAM-SHA-256 without channel binding (RFC 5802, RFC 7677).
class scram {
public:
    /// `nonce`: printable, without commas.
    scram(std::string password, std::string nonce) : password_(std::move(password)), nonce_(std::move(nonce)) {}

    [[nodiscard]] std::string first() const { return "n,," + first_bare(); }
    /// Nothing when the server's first message is not right, or would keep us busy for long.
    [[nodiscard]] std::optional<std::string> final(std::string_view server_first);
    /// Whether the server knows the password, too.
    [[nodiscard]] bool is_proven(std::string_view server_final) const;

private:
    [[nodiscard]] std::string first_bare() const { return "n=,r=" + nonce_; }

    std::string password_;
    std::string nonce_;
    std::string signature_; ///< the server's, when we know it
};

} // namespace balance::probe
