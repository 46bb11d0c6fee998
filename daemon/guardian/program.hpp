// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipc/descriptor.hpp"

#include <balance/error.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dyad {

/// A program's file, held open: what is started of it stays the same, whatever becomes of its path.
struct program {
    ipc::descriptor file;
    std::vector<std::string> arguments; ///< from its own name on
};

/// Where the file lies of which the kernel says this in /proc/PID/exe: one that was replaced or removed there since is
/// called deleted. Pure.
std::filesystem::path path_in_link(std::string link);

/// The path that this process was started from. Empty when /proc does not tell.
std::filesystem::path path_of_this_program();

/// The program as it lies on disk now. Errors: `not_found`, `not_permitted`, `io_error`, each with the path.
balance::result<std::shared_ptr<program const>> open_program(std::filesystem::path const& path, std::vector<std::string> arguments);

/// Makes this process that program. Returns only when that fails; why is in errno.
void become(program const& p);

} // namespace dyad
