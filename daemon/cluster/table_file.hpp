// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/confirmation.hpp"

#include <balance/error.hpp>
#include <balance/persistence_copy.hpp>

#include <cstdint>
#include <filesystem>
#include <string>

namespace dyad {

/// Layer 7's persistence tables kept over a restart: STATE_DIR/tables.

/// What is needed to know how long a file lay there.
struct kept_since {
    boot_moment boot;          ///< counts while the machine runs
    std::int64_t wall_ms = 0;  ///< since 1970: where it was started anew meanwhile; set back, no time has passed

    static kept_since now();
};

/// The file's bytes. Pure.
[[nodiscard]] std::string pack_tables(balance::persistence_copy const& tables, kept_since const& at, std::int64_t now_ms);
/// Puts back what has not expired since. Errors: `protocol_error` for what `pack_tables` did not write; what came before it is in the
/// tables then. Pure.
balance::result<> unpack_tables(std::string_view bytes, kept_since const& now, std::int64_t now_ms, balance::persistence_copy& tables);

/// Errors: `io_error`.
balance::result<> save_tables(std::filesystem::path const& state_dir, balance::persistence_copy const& tables, std::int64_t now_ms);
/// A file that is not there is no error.
balance::result<> load_tables(std::filesystem::path const& state_dir, std::int64_t now_ms, balance::persistence_copy& tables);

} // namespace dyad
