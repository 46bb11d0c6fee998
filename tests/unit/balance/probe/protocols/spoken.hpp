// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/protocols/make_dialogue.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace test {

/// What a dialogue said to a server that says this, one message after each of its own, and what it found out.
struct spoken {
    std::vector<std::string> said;
    std::vector<std::string> shown;
    balance::probe::finding_out found;
};

inline constexpr std::string_view foreseen = "0123456789abcdefgh"; ///< in place of randomness

inline balance::health_check check_that_asks(balance::health_check::kind type, std::string user = {}, std::string password = {}) {
    balance::health_check c;
    c.type = type;
    c.user = std::move(user);
    c.password = std::move(password);
    return c;
}

/// The server ends when it has nothing left to say. Pieces of `piece` bytes.
inline spoken speak(balance::health_check const& c, std::vector<std::string> const& lines, std::size_t piece = 100'000) {
    auto const d =
        balance::probe::make_dialogue(c, {boost::asio::ip::make_address("192.0.2.9"), 5060}, foreseen);
    spoken out;
    auto const listen = [&] {
        if (auto const text = d->to_send(); !text.empty()) {
            out.said.push_back(text);
            out.shown.push_back(d->shown(text));
        }
    };
    listen();
    for (auto const& line : lines) {
        for (std::size_t at = 0; at < line.size() && !d->outcome(); at += piece)
            d->received(std::string_view(line).substr(at, piece));
        listen();
    }
    d->closed();
    out.found = d->outcome().value();
    return out;
}

inline std::string reason_of(balance::health_check const& c, std::vector<std::string> const& lines) {
    return (speak(c, lines).found.success ? "up: " : "down: ") + speak(c, lines).found.reason;
}

} // namespace test
