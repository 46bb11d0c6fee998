// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipvs/attributes.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

/// Recordings of tests/golden/ipvs: what ipvsadm and the kernel said to each other.
namespace golden {

struct message {
    std::string command; ///< the last "# ..." line before it
    bool from_kernel = false;
    balance::ipvs::bytes content;
};

inline std::vector<message> read(std::string const& name) {
    auto const path = std::string(DYAD_SOURCE_DIR) + "/tests/golden/ipvs/" + name;
    std::ifstream file(path);
    if (!file) {
        throw std::runtime_error("cannot read " + path);
    }
    std::vector<message> out;
    std::string command;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("# ")) {
            command = line.substr(2);
        } else if (line.starts_with("> ") || line.starts_with("< ")) {
            message m{command, line[0] == '<', {}};
            std::istringstream numbers(line.substr(2));
            for (unsigned value = 0; numbers >> std::hex >> value;) {
                m.content.push_back(static_cast<std::byte>(value));
            }
            out.push_back(std::move(m));
        }
    }
    return out;
}

/// The words of the last comment that begins with `start`: what ipvsadm showed of an object.
inline std::vector<std::string> shown(std::string const& name, std::string const& start) {
    std::ifstream file(std::string(DYAD_SOURCE_DIR) + "/tests/golden/ipvs/" + name);
    std::vector<std::string> out;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("# " + start)) {
            std::istringstream words(line.substr(2));
            out.clear();
            for (std::string word; words >> word;) {
                out.push_back(word);
            }
        }
    }
    return out;
}

} // namespace golden
