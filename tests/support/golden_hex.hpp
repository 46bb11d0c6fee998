// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace test {

using bytes = std::vector<std::uint8_t>;

/// Reads a file of "label = hex digits" lines below tests/golden.
inline std::map<std::string, bytes> read_golden(std::string const& file) {
    std::ifstream in(std::string{DYAD_SOURCE_DIR} + "/tests/golden/" + file);
    std::map<std::string, bytes> out;
    for (std::string line; std::getline(in, line);) {
        auto const sign = line.find(" = ");
        if (line.starts_with("#") || sign == std::string::npos) {
            continue;
        }
        auto& to = out[line.substr(0, sign)];
        for (auto at = sign + 3; at + 1 < line.size(); at += 2) {
            to.push_back(static_cast<std::uint8_t>(std::stoul(line.substr(at, 2), nullptr, 16)));
        }
    }
    if (out.empty()) {
        throw std::runtime_error("no golden bytes in " + file);
    }
    return out;
}

} // namespace test
