// SPDX-License-Identifier: Apache-2.0
#include "log/priority.hpp"

#include <array>
#include <string>
#include <utility>

namespace dyad::log {

char priority_of(spdlog::level::level_enum level) noexcept {
    switch (level) {
    case spdlog::level::critical:
        return '2';
    case spdlog::level::err:
        return '3';
    case spdlog::level::warn:
        return '4';
    case spdlog::level::info:
        return '6';
    default:
        return '7';
    }
}

std::optional<spdlog::level::level_enum> level_of(std::string_view word) noexcept {
    using namespace spdlog::level;
    constexpr std::array<std::pair<std::string_view, level_enum>, 6> words{{{"trace", trace},
                                                                            {"debug", debug},
                                                                            {"info", info},
                                                                            {"warning", warn},
                                                                            {"error", err},
                                                                            {"critical", critical}}};
    for (auto const& [name, level] : words) {
        if (name == word) {
            return level;
        }
    }
    return std::nullopt;
}

bool is_stream(std::string_view stream, dev_t device, ino_t inode) {
    return stream == std::to_string(device) + ":" + std::to_string(inode);
}

} // namespace dyad::log
