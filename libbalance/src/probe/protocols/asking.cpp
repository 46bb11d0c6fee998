// SPDX-License-Identifier: Apache-2.0
#include "probe/protocols/asking.hpp"

#include <utility>

namespace balance::probe {

std::string asking::to_send() { return std::exchange(output_, {}); }

void asking::received(std::string_view bytes) {
    if (outcome_)
        return;
    unread_ += bytes;
    std::size_t at = 0;
    while (!outcome_ && at < unread_.size()) {
        auto const taken = take(std::string_view(unread_).substr(at));
        if (taken == 0)
            break;
        at += taken;
        consumed_ += taken;
        if (consumed_ > longest_talk && !outcome_)
            down("the server says more than " + std::to_string(longest_talk / 1024) + " KiB");
        if (wants_tls())
            break;
    }
    unread_.erase(0, how_ == over::datagrams ? unread_.size() : at);
    if (wants_tls() && !unread_.empty())
        down("the server sent more in clear than it should before TLS begins");
}

void asking::closed() {
    if (!outcome_)
        down("the connection was closed before the " + std::string(awaited_));
}

void asking::say(std::string bytes, std::string shown) {
    output_ = std::move(bytes);
    shown_ = std::move(shown);
}

void asking::up(std::string reason, std::optional<std::string> answer, std::string goodbye) {
    say(std::move(goodbye));
    outcome_ = {true, std::move(reason), std::move(answer)};
}

void asking::down(std::string reason) {
    say({});
    outcome_ = {false, std::move(reason)};
}

} // namespace balance::probe
