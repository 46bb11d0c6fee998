// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <cluster/replicator.hpp>
#include <cluster/types.hpp>

#include <filesystem>
#include <string>
#include <string_view>

namespace dyad {

/// Replaces a file so that a crash leaves the old bytes or the new ones: writes beside it, fsync, rename. Errors:
/// `io_error`.
balance::result<> replace_file(std::filesystem::path const& file, std::string_view bytes, unsigned mode);

/// The whole file. Errors: `not_found`, `io_error`; files over 64 MiB are refused.
balance::result<std::string> read_file(std::filesystem::path const& file);

/// What a node remembers of itself over a restart, beside its configuration: STATE_DIR/epoch.json.
struct remembered_state {
    cluster::epoch epoch;
    bool maintenance = false;
};

/// A missing or damaged file is a node that remembers nothing; it learns the epoch from its peer.
remembered_state load_remembered(std::filesystem::path const& state_dir);
balance::result<> save(std::filesystem::path const& state_dir, remembered_state const& r);

/// The operators' words (drain, halt) kept over a restart: STATE_DIR/servers.json.
cluster::shared_document load_words(std::filesystem::path const& state_dir);
balance::result<> save(std::filesystem::path const& state_dir, cluster::shared_document const& words);

} // namespace dyad
