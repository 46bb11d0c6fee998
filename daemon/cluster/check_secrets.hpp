// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <filesystem>
#include <map>
#include <span>
#include <string>

namespace dyad {

/// Passwords and secrets of health checks that lie in files of this node.
struct check_secrets {
    std::map<std::string, std::string> texts; ///< by the file's name
    std::string fault;                        ///< why some are missing; empty: none is
};

/// The first line of each file in `folder` that the checks name, of at most 4 KiB.
[[nodiscard]] check_secrets read_secrets(std::filesystem::path const& folder, std::span<balance::virtual_service const> services);

} // namespace dyad
