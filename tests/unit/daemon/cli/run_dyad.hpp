// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cli/app.hpp>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

namespace test {

/// What a command came to.
struct outcome {
    int code = -1;
    std::string out;
    std::string err;
};

/// `dyad` with these arguments, against the daemon in a directory.
inline outcome dyad_in(std::filesystem::path const& run_dir, std::vector<std::string> arguments,
                std::filesystem::path const& config_dir = "/nonexistent") {
    std::ostringstream out;
    std::ostringstream err;
    dyad::cli::environment env{out, err};
    env.run_dir = run_dir;
    env.config_dir = config_dir;
    auto const code = dyad::cli::run(std::move(arguments), env);
    return {code, out.str(), err.str()};
}

} // namespace test
