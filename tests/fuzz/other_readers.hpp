// SPDX-License-Identifier: Apache-2.0
// How programs behind a proxy read HTTP/1, written without a look at how the proxy does it: one by the letter, one that takes
// what it is given. What the proxy passes on, both must read alike, or a request could be hidden in another's body.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fuzz {

enum class habit : std::uint8_t {
    strict, ///< a line ends with CR LF
    lax     ///< a line ends with LF, a CR before it or not; blanks count nowhere
};
constexpr habit habits[] = {habit::strict, habit::lax};

/// Where a body's end is when the head does not say.
enum class unsaid : std::uint8_t { no_body, to_the_end };

struct other_message {
    std::string first_line;
    std::size_t head = 0; ///< bytes of the head
    std::size_t size = 0; ///< bytes of all
    std::string body;     ///< its content, without chunk sizes
    std::size_t trailer = 0;
};

class other_reader {
public:
    other_reader(std::string_view bytes, habit h) : bytes_(bytes), habit_(h) {}

    /// The first message; nothing when it is not whole, or not to be understood.
    std::optional<other_message> read(unsaid otherwise, bool bodiless) {
        other_message out;
        auto line = take_line();
        if (!line)
            return std::nullopt;
        out.first_line = *line;
        std::optional<std::string> length;
        bool chunked = false;
        while ((line = take_line()) && !line->empty()) {
            auto const name = folded(line->substr(0, line->find(':')));
            auto const value = folded(line->substr(std::min(line->find(':') + 1, line->size())));
            if (name == "content-length")
                length = value;
            if (name == "transfer-encoding")
                chunked = chunked || value.find("chunked") != value.npos;
        }
        if (!line)
            return std::nullopt;
        out.head = at_;
        bool const whole = bodiless || (chunked  ? take_chunks(out)
                                        : length ? take_counted(out, *length)
                                                 : otherwise == unsaid::no_body || take_counted(out, std::to_string(bytes_.size() - at_)));
        out.size = at_;
        return whole ? std::optional(out) : std::nullopt;
    }

    /// A chunked body alone.
    std::optional<other_message> read_chunks() {
        other_message out;
        bool const whole = take_chunks(out);
        out.size = at_;
        return whole ? std::optional(out) : std::nullopt;
    }

private:
    std::optional<std::string> take_line() {
        auto const end = bytes_.find(habit_ == habit::strict ? "\r\n" : "\n", at_);
        if (end == bytes_.npos)
            return std::nullopt;
        auto line = bytes_.substr(at_, end - at_);
        at_ = end + (habit_ == habit::strict ? 2 : 1);
        if (habit_ == habit::lax && line.ends_with('\r'))
            line.remove_suffix(1);
        return std::string(line);
    }

    /// In lower case; the lax one sees no blanks at all.
    [[nodiscard]] std::string folded(std::string text) const {
        auto const blank = [](char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r'; };
        if (habit_ == habit::lax)
            text.erase(std::remove_if(text.begin(), text.end(), blank), text.end());
        else
            while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
                text.erase(0, 1);
        while (habit_ == habit::strict && !text.empty() && (text.back() == ' ' || text.back() == '\t'))
            text.pop_back();
        std::transform(text.begin(), text.end(), text.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
        return text;
    }

    static std::optional<std::uint64_t> number(std::string_view text, unsigned base) {
        std::uint64_t out = 0;
        std::size_t digits = 0;
        for (char const c : text) {
            auto const at = std::string_view("0123456789abcdef").substr(0, base).find(c);
            if (at == std::string_view::npos)
                break;
            out = out * base + at;
            ++digits;
        }
        return digits == 0 || digits > 18 ? std::nullopt : std::optional(out);
    }

    bool take_counted(other_message& m, std::string const& length) {
        auto const n = number(length, 10);
        if (!n || *n > bytes_.size() - at_)
            return false;
        m.body += bytes_.substr(at_, static_cast<std::size_t>(*n));
        at_ += static_cast<std::size_t>(*n);
        return true;
    }

    bool take_chunks(other_message& m) {
        while (auto const line = take_line()) {
            auto const size = number(folded(*line), 16);
            if (!size || *size > bytes_.size() - at_)
                return false;
            if (*size == 0)
                return take_trailer(m);
            m.body += bytes_.substr(at_, static_cast<std::size_t>(*size));
            at_ += static_cast<std::size_t>(*size);
            if (auto const end = take_line(); !end || !end->empty())
                return false;
        }
        return false;
    }

    bool take_trailer(other_message& m) {
        auto const begin = at_;
        while (auto const line = take_line()) {
            if (line->empty()) {
                m.trailer = at_ - begin;
                return true;
            }
        }
        return false;
    }

    std::string_view bytes_;
    habit habit_;
    std::size_t at_ = 0;
};

} // namespace fuzz
