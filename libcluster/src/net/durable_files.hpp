// SPDX-License-Identifier: Apache-2.0
// Files that are surely on the disk. Every function names the path and the system's reason in its error: `not_found`,
// `not_permitted`, `already_exists`, else `io_error`.
#pragma once

#include <balance/error.hpp>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace cluster::net {

using balance::result;

/// Makes a directory with mode 0700; one that is there is fine.
result<> make_directory(std::filesystem::path const& directory);
/// Writes a file that must not exist yet, mode 0600, and lets the disk begin; `sync` waits for it.
result<> write_new_file(std::filesystem::path const& file, std::string_view bytes);
/// Waits until a file's bytes, or the names in a directory, are on the disk. Called for several files after all of them
/// were written, the first wait does most of the work of the others.
result<> sync(std::filesystem::path const& path);
result<> rename_path(std::filesystem::path const& from, std::filesystem::path const& to);
/// Points the symbolic link `link` at `target` so that it always exists: a new one is made beside it and renamed over it.
result<> replace_symlink(std::filesystem::path const& link, std::string const& target);
/// Reads a regular file, no symbolic link. Errors also: `protocol_error` when it has more than `max` bytes.
result<std::string> read_file(std::filesystem::path const& file, std::size_t max);

} // namespace cluster::net
