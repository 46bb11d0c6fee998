// SPDX-License-Identifier: Apache-2.0
#include <cli/words.hpp>

#include <array>
#include <cstdio>

namespace dyad::cli {

std::string size_text(std::int64_t bytes) {
    constexpr std::array<char const*, 7> units{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) {
        return std::to_string(bytes < 0 ? 0 : bytes) + " B";
    }
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 999.95 && unit + 1 < units.size()) { // 999.95 would be shown as 1000.0
        value /= 1000;
        ++unit;
    }
    std::array<char, 32> out{};
    std::snprintf(out.data(), out.size(), "%.1f %s", value, units[unit]);
    return out.data();
}

std::string age_text(std::int64_t ms) {
    auto const pair = [](std::int64_t a, char const* first, std::int64_t b, char const* second) {
        return std::to_string(a) + ' ' + first + (b == 0 ? std::string{} : ' ' + std::to_string(b) + ' ' + second);
    };
    if (ms < 1000) {
        return std::to_string(ms < 0 ? 0 : ms) + " ms";
    }
    auto const s = ms / 1000;
    if (s < 60) {
        return std::to_string(s) + " s";
    }
    if (s < 3600) {
        return pair(s / 60, "min", s % 60, "s");
    }
    if (s < 86400) {
        return pair(s / 3600, "h", s % 3600 / 60, "min");
    }
    return pair(s / 86400, "d", s % 86400 / 3600, "h");
}

namespace {
bool continues(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }
} // namespace

std::size_t width(std::string_view s) noexcept {
    std::size_t n = 0;
    for (char const c : s) {
        n += continues(c) ? 0U : 1U;
    }
    return n;
}

std::string shortened(std::string_view s, std::size_t columns) {
    if (width(s) <= columns) {
        return std::string(s);
    }
    std::size_t end = 0;
    for (std::size_t seen = 0; end < s.size(); ++end) {
        if (!continues(s[end]) && seen++ + 1 == columns) {
            break;
        }
    }
    return std::string(s.substr(0, end)) + "…";
}

std::string painted(std::string_view s, colour c, bool on) {
    if (!on || c == colour::none) {
        return std::string(s);
    }
    auto const* code = c == colour::green ? "32" : c == colour::yellow ? "33" : c == colour::red ? "31" : "1";
    return "\x1b[" + std::string(code) + 'm' + std::string(s) + "\x1b[0m";
}

} // namespace dyad::cli
