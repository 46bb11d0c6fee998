// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <filesystem>
#include <string_view>

namespace dyad::cli {

enum class secret_owner : bool { of_directory, whoever_writes };

/// Writes a secret beside its neighbours: mode 0600, whole or not at all. A file that is there stays unless `replace`.
/// Errors: `already_exists`, `io_error`.
balance::result<> write_secret(std::filesystem::path const& file, std::string_view bytes, bool replace,
                               secret_owner owner = secret_owner::of_directory);

} // namespace dyad::cli
