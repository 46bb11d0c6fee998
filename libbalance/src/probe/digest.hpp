// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace balance::probe {

// What servers want passwords to be mixed with, as raw bytes. Where this machine's OpenSSL lacks an algorithm (MD5 under
// FIPS) the result is empty.
[[nodiscard]] std::string md5(std::string_view bytes);
[[nodiscard]] std::string sha1(std::string_view bytes);
[[nodiscard]] std::string sha256(std::string_view bytes);
[[nodiscard]] std::string hmac_md5(std::string_view key, std::string_view bytes);
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view bytes);
/// RFC 8018 §5.2, 32 bytes.
[[nodiscard]] std::string pbkdf2_sha256(std::string_view password, std::string_view salt, unsigned rounds);

/// As many bytes as the shorter one.
[[nodiscard]] std::string exclusive_or(std::string_view a, std::string_view b);
[[nodiscard]] std::string hex(std::string_view bytes);
[[nodiscard]] std::string base64(std::string_view bytes);
/// Empty when it is not base64.
[[nodiscard]] std::string from_base64(std::string_view text);

/// Bytes that nobody can foresee. Not pure.
[[nodiscard]] std::string random_bytes(std::size_t count);

} // namespace balance::probe
