// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <cli/drill_time.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <optional>

namespace dyad::cli {
namespace {

constexpr std::time_t farthest = 7 * 24 * 3600;

balance::error no_time(std::string const& text, std::string const& why) {
    return balance::make_error(balance::errc::invalid_configuration, "--at is " + balance::in_quotes(text) + ", " + why);
}

struct read_time {
    std::tm parts{};
    bool today = false; ///< no date was given
};

std::optional<read_time> read_parts(std::string const& text, std::tm const& now) {
    read_time out{now, true};
    out.parts.tm_sec = 0;
    char rest = 0;
    if (std::sscanf(text.c_str(), "%2d:%2d%c", &out.parts.tm_hour, &out.parts.tm_min, &rest) != 2) {
        out.today = false;
        char between = 0;
        char colon = 0;
        auto const got = std::sscanf(text.c_str(), "%4d-%2d-%2d%c%2d:%2d%c%2d%c", &out.parts.tm_year, &out.parts.tm_mon,
                                     &out.parts.tm_mday, &between, &out.parts.tm_hour, &out.parts.tm_min, &colon, &out.parts.tm_sec,
                                     &rest);
        if ((got != 6 && got != 8) || (between != 'T' && between != ' ') || (got == 8 && colon != ':')) {
            return std::nullopt;
        }
        out.parts.tm_year -= 1900;
        out.parts.tm_mon -= 1;
    }
    out.parts.tm_isdst = -1;
    auto const& p = out.parts;
    bool const sane = p.tm_hour >= 0 && p.tm_hour < 24 && p.tm_min >= 0 && p.tm_min < 60 && p.tm_sec >= 0 && p.tm_sec < 60 &&
                      p.tm_mon >= 0 && p.tm_mon < 12 && p.tm_mday >= 1 && p.tm_mday <= 31;
    return sane ? std::optional(out) : std::nullopt;
}

} // namespace

balance::result<std::time_t> time_named(std::string const& text, std::time_t now) {
    std::tm here{};
    ::localtime_r(&now, &here);
    auto read = read_parts(text, here);
    if (!read) {
        return no_time(text, "but must be a time such as 02:30 or 2026-11-24T02:30");
    }
    auto wanted = read->parts;
    auto at = std::mktime(&wanted);
    if (read->today && at <= now) {
        wanted = read->parts;
        ++wanted.tm_mday;
        at = std::mktime(&wanted);
    }
    if (at == -1 || wanted.tm_hour != read->parts.tm_hour || wanted.tm_min != read->parts.tm_min ||
        (!read->today && wanted.tm_mday != read->parts.tm_mday)) {
        return no_time(text, "which does not exist in this time zone");
    }
    if (at <= now) {
        return no_time(text, "which is over");
    }
    if (at - now > farthest) {
        return no_time(text, "more than a week ahead; a drill waits in the foreground");
    }
    return at;
}

std::string wall_time() {
    auto const now = std::chrono::system_clock::now();
    auto const seconds = std::chrono::system_clock::to_time_t(now);
    auto const ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
    std::tm here{};
    ::localtime_r(&seconds, &here);
    std::array<char, 48> day{};
    std::array<char, 16> zone{};
    std::strftime(day.data(), day.size(), "%Y-%m-%dT%H:%M:%S", &here);
    std::strftime(zone.data(), zone.size(), "%z", &here);
    std::array<char, 8> fraction{};
    std::snprintf(fraction.data(), fraction.size(), ".%03d", static_cast<int>(ms));
    auto offset = std::string(zone.data());
    return std::string(day.data()) + fraction.data() + (offset.size() == 5 ? offset.insert(3, ":") : offset);
}

std::string left_text(std::int64_t seconds) {
    if (seconds >= 3600) {
        return std::to_string(seconds / 3600) + " h " + std::to_string(seconds / 60 % 60) + " min";
    }
    return seconds >= 60 ? std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s" : std::to_string(seconds) + " s";
}

} // namespace dyad::cli
