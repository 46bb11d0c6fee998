// SPDX-License-Identifier: Apache-2.0
#include "api/message.hpp"

#include <pwd.h>

#include <array>

namespace dyad::api {

std::string caller::text() const {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 1024> buffer{};
    getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
    return "uid " + std::to_string(uid) + (found ? " (" + std::string(found->pw_name) + ")" : "");
}

response refused(unsigned status, std::string text) { return {status, {{"error", std::move(text)}}}; }

} // namespace dyad::api
