// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <cli/backup_format.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dyad::cli::backup {

/// The bytes of a backup file; encrypted (AES-256-GCM, key from the passphrase with scrypt) unless `passphrase` is empty.
/// Errors: `io_error`, when OpenSSL fails.
balance::result<std::string> wrap(std::vector<item> const& items, std::string_view passphrase);

/// Is it a whole backup, and does it want a passphrase? Errors: `protocol_error`.
balance::result<bool> wants_passphrase(std::string_view file);

/// What `wrap` was given. Errors: `protocol_error`; `not_permitted` when the passphrase is another one.
balance::result<std::vector<item>> unwrap(std::string_view file, std::string_view passphrase);

} // namespace dyad::cli::backup
