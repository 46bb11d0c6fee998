// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <cli/backup_format.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace dyad::cli::backup {

/// Everything below `directory` but the daemon's lock and what is neither file, directory nor link; a link that leads
/// elsewhere becomes what it leads to. What is left out is named in `left_out`. A directory that is not there is empty.
/// Errors: `io_error`, `refused` when it is too much.
balance::result<std::vector<item>> collect(root r, std::filesystem::path const& directory, std::vector<std::string>& left_out);

/// Writes the items of one root into a directory that must not exist yet. Durable when it returns. Errors: `io_error`.
balance::result<> write_tree(std::vector<item> const& items, root r, std::filesystem::path const& directory);

/// Holds off dyadd from its state directory as long as it lives.
class daemon_lock {
public:
    /// Errors: `refused` when dyadd runs on it. A directory that is not there needs no lock.
    static balance::result<daemon_lock> take(std::filesystem::path const& state_dir);
    daemon_lock(daemon_lock&& other) noexcept;
    daemon_lock& operator=(daemon_lock&&) = delete;
    ~daemon_lock();

private:
    explicit daemon_lock(int fd) : fd_(fd) {}
    int fd_;
};

} // namespace dyad::cli::backup
