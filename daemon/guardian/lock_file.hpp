// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipc/descriptor.hpp"

#include <balance/error.hpp>

#include <chrono>
#include <filesystem>

namespace dyad {

/// Makes `directory` with `mode` if it is absent and locks the file "dyadd.lock" in it, which then says our pid. The
/// lock lasts until every process that has the descriptor has closed it or died.
///
/// A lock whose owner is dead is still held by a process that it left behind: that is waited for, for `patience`.
/// Errors: `already_exists` naming the owner's pid, `not_permitted`, `io_error`.
balance::result<ipc::descriptor> lock_directory(std::filesystem::path const& directory, unsigned mode,
                                                std::chrono::milliseconds patience);

} // namespace dyad
