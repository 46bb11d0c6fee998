// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace test {

/// The bytes of a file; `file` may count from the top of the sources.
inline std::string slurp(std::filesystem::path const& file) {
    std::ifstream in(std::filesystem::path(DYAD_SOURCE_DIR) / file, std::ios::binary);
    REQUIRE(in.good());
    return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace test
