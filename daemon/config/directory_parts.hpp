// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <config/config.hpp>

namespace dyad::config {

/// A whole regular file of at most `max_file_size` bytes. Errors: `io_error` with a sentence for people. Never blocks
/// on a pipe or a device.
balance::result<std::string> read_file(std::filesystem::path const& file);

/// Faults of cluster.toml that show only beside this node's node.toml; `file` is left empty.
std::vector<diagnostic> across_faults(node_config const& node, cluster_config const& cluster,
                                      std::string_view cluster_text);

} // namespace dyad::config
