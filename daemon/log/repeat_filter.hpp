// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <unordered_map>

namespace dyad::log {

/// Keeps one fault that happens a thousand times a second from filling the disk: the same text passes `burst` times in
/// `window`, then not before the window is over. Pure; remembers at most `capacity` texts.
class repeat_filter {
public:
    using time_point = std::chrono::system_clock::time_point;

    static constexpr unsigned burst = 10;
    static constexpr std::chrono::seconds window{10};
    static constexpr std::size_t capacity = 256;

    struct verdict {
        bool passes = true;
        unsigned skipped = 0; ///< so many of the same were held back before this one
    };

    verdict admit(time_point now, std::string_view text);

private:
    struct record {
        time_point since;
        unsigned passed = 0;
        unsigned skipped = 0;
    };
    void forget_old(time_point now);

    std::unordered_map<std::string, record> records_;
};

} // namespace dyad::log
