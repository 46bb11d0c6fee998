// SPDX-License-Identifier: Apache-2.0
#include "probe/agent_dialogue.hpp"

#include "probe/reason.hpp"

#include <utility>

namespace balance::probe {
namespace {

constexpr core::http_response::limits of_agent{.head = 8192, .body = core::longest_agent_line};

using progress = core::http_response::progress;

} // namespace

agent_dialogue::agent_dialogue(agent_check const& how, std::string const& host, std::shared_ptr<core::agent_words> heard)
    : heard_(std::move(heard)), http_(how.type == agent_check::kind::http), answer_(of_agent, false) {
    if (http_)
        output_ = "GET " + how.request + " HTTP/1.1\r\nHost: " + host +
                  "\r\nUser-Agent: dyad\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

std::string agent_dialogue::to_send() { return std::exchange(output_, {}); }

void agent_dialogue::received(std::string_view bytes) {
    if (outcome_)
        return;
    if (http_) {
        answer_.feed(bytes);
        return take_answer();
    }
    line_ += bytes.substr(0, core::longest_agent_line - line_.size());
    if (line_.find_first_of("\r\n") != line_.npos || line_.size() == core::longest_agent_line)
        take_line(line_);
}

void agent_dialogue::closed() {
    if (outcome_)
        return;
    if (http_) {
        answer_.finish();
        return take_answer();
    }
    take_line(line_);
}

void agent_dialogue::take_answer() {
    if (answer_.state() == progress::failed)
        outcome_ = {false, std::string(answer_.fault())};
    else if (answer_.state() >= progress::body && answer_.status() / 100 != 2)
        outcome_ = {false, "the agent answered with status " + std::to_string(answer_.status())};
    else if (answer_.state() == progress::complete || answer_.state() == progress::truncated)
        take_line(answer_.body());
}

void agent_dialogue::take_line(std::string_view text) {
    auto const words = core::parse_agent(text);
    std::string const shown = excerpt(text.substr(0, text.find_first_of("\r\n")), 80);
    if (words)
        *heard_ = *words;
    outcome_ = words ? finding_out{true, "agent says " + shown}
                     : finding_out{false, "the agent's word is not understood: " + shown};
}

} // namespace balance::probe
