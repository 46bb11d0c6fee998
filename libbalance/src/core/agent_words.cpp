// SPDX-License-Identifier: Apache-2.0
#include "core/agent_words.hpp"

#include <algorithm>
#include <charconv>

namespace balance::core {
namespace {

constexpr std::string_view connection_limit = "maxconn:";

template <class Number>
std::optional<Number> digits_of(std::string_view text) {
    Number n = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    return text.empty() || error != std::errc() || end != text.data() + text.size() ? std::nullopt : std::optional(n);
}

bool take_word(std::string_view word, agent_words& out) {
    using operation = agent_words::operation;
    using administration = agent_words::administration;
    if (word.ends_with('%'))
        return (out.per_cent = digits_of<std::uint16_t>(word.substr(0, word.size() - 1))).has_value();
    if (word.starts_with(connection_limit))
        return (out.most_connections = digits_of<std::uint32_t>(word.substr(connection_limit.size()))).has_value();
    if (word == "up")
        out.runs = operation::up;
    else if (word == "down" || word == "fail" || word == "failed" || word == "stopped")
        out.runs = operation::down;
    else if (word == "ready")
        out.is = administration::ready;
    else if (word == "drain")
        out.is = administration::drain;
    else if (word == "maint")
        out.is = administration::maint;
    else
        return false;
    return true;
}

} // namespace

std::optional<agent_words> parse_agent(std::string_view text) {
    auto line = text.substr(0, std::min(text.find_first_of("\r\n#"), longest_agent_line));
    agent_words out;
    bool any = false;
    while (!line.empty()) {
        auto const word = line.substr(0, line.find_first_of(" \t,"));
        line.remove_prefix(std::min(line.size(), word.size() + 1));
        if (word.empty())
            continue;
        if (!take_word(word, out))
            return std::nullopt;
        any = true;
    }
    return any ? std::optional(out) : std::nullopt;
}

void agent_state::take(agent_words const& said) noexcept {
    if (said.per_cent)
        per_cent_ = std::min<std::uint16_t>(*said.per_cent, 100);
    if (said.runs)
        down_ = *said.runs == agent_words::operation::down;
    if (said.is)
        out_ = *said.is != agent_words::administration::ready;
    if (said.most_connections)
        most_connections_ = *said.most_connections;
}

std::uint16_t agent_state::share() const noexcept { return down_ || out_ ? 0 : per_cent_; }

} // namespace balance::core
