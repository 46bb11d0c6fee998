// SPDX-License-Identifier: Apache-2.0
#include "probe/protocols/redis_dialogue.hpp"

#include "probe/reason.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace balance::probe {
namespace {

constexpr std::size_t most_elements = 4096;
constexpr std::size_t longest_head = 4096; ///< of a line that is a whole reply, or tells a length

std::string command(std::vector<std::string_view> const& words) {
    std::string out = "*" + std::to_string(words.size()) + "\r\n";
    for (auto const word : words)
        out.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
    return out;
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> out;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
        if (text.empty())
            return out;
        out.push_back(text.substr(0, text.find(' ')));
        text.remove_prefix(out.back().size());
    }
}

/// One reply with all that is in it.
struct redis_reply {
    enum class progress : std::uint8_t { incomplete, wrong, whole };

    progress state = progress::incomplete;
    std::size_t size = 0;
    bool error = false;
    bool nothing = false; ///< there is no such key
    std::string text{}; ///< elements as lines
};

redis_reply wrong() { return {.state = redis_reply::progress::wrong}; }

/// Of bytes or of elements; -1 is nothing at all.
std::optional<long> read_count(std::string_view text, std::size_t most) {
    long count = 0;
    auto const [stop, ec] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (ec != std::errc{} || stop != text.data() + text.size() || count < -1 || count > static_cast<long>(most))
        return std::nullopt;
    return count;
}

/// `wanted` counts elements that are announced and not read yet: arrays nest without recursion.
redis_reply read_reply(std::string_view bytes) {
    redis_reply out;
    std::size_t at = 0;
    bool first = true;
    for (std::size_t wanted = 1; wanted > 0; --wanted) {
        auto const end = bytes.find("\r\n", at);
        if (std::min(end, bytes.size()) - at > longest_head)
            return wrong();
        if (end == bytes.npos)
            return out;
        auto const line = bytes.substr(at, end - at);
        at = end + 2;
        char const kind = line.empty() ? '\0' : line.front();
        auto text = line.substr(line.empty() ? 0 : 1);
        if (kind == '*') {
            auto const count = read_count(text, most_elements - wanted);
            if (!count)
                return wrong();
            wanted += static_cast<std::size_t>(std::max(*count, 0L));
            out.nothing = first && *count < 0;
            first = false;
            continue;
        }
        if (kind == '$') {
            auto const count = read_count(text, asking::longest_message);
            if (!count)
                return wrong();
            text = {};
            out.nothing = first && *count < 0;
            if (*count >= 0) {
                auto const size = static_cast<std::size_t>(*count);
                if (bytes.size() - at < size + 2)
                    return out;
                text = bytes.substr(at, size);
                at += size + 2;
            }
        } else if (kind == '-') {
            out.error = out.error || first;
        } else if (kind != '+' && kind != ':') {
            return wrong();
        }
        first = false;
        out.text.append(out.text.empty() ? "" : "\n").append(text);
    }
    out.state = redis_reply::progress::whole;
    out.size = at;
    return out;
}

} // namespace

redis_dialogue::redis_dialogue(health_check const& c) : query_(c.query) {
    if (c.password.empty()) {
        ask();
        return;
    }
    await("answer to AUTH");
    c.user.empty() ? say(command({"AUTH", c.password}), "AUTH (hidden)\r\n")
                   : say(command({"AUTH", c.user, c.password}), "AUTH " + c.user + " (hidden)\r\n");
}

void redis_dialogue::ask() {
    asked_ = true;
    await(query_.empty() ? "answer to PING" : "answer to the query");
    say(command(query_.empty() ? std::vector<std::string_view>{"PING"} : words_of(query_)));
}

std::size_t redis_dialogue::take(std::string_view unread) {
    auto const reply = read_reply(unread);
    std::string const awaited(waiting_for());
    if (reply.state == redis_reply::progress::incomplete) {
        if (unread.size() > 2 * longest_message)
            down("the " + awaited + " is longer than " + std::to_string(2 * longest_message) + " bytes");
        return 0;
    }
    if (reply.state == redis_reply::progress::wrong) {
        down("the " + awaited + " is not Redis: " + excerpt(unread));
        return unread.size();
    }
    if (reply.error)
        down("the " + awaited + " is " + excerpt(reply.text, 100));
    else if (!asked_)
        reply.text == "OK" ? ask() : down("the " + awaited + " is " + excerpt(reply.text));
    else if (!query_.empty() && reply.nothing)
        down("the query gives nothing");
    else if (!query_.empty())
        up("the " + awaited + " is " + excerpt(reply.text), reply.text);
    else if (reply.text == "PONG")
        up("PONG");
    else
        down("the " + awaited + " is " + excerpt(reply.text));
    return reply.size;
}

} // namespace balance::probe
