// SPDX-License-Identifier: Apache-2.0
#include "core/http_head.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace balance::core {
namespace {

std::string_view trimmed(std::string_view s) noexcept {
    auto const first = s.find_first_not_of(" \t");
    if (first == std::string_view::npos)
        return {};
    return s.substr(first, s.find_last_not_of(" \t") - first + 1);
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_word(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

/// Digits of the given base and nothing else; no value when there are none or they overflow.
std::optional<std::uint64_t> number(std::string_view digits, int base) noexcept {
    std::uint64_t value = 0;
    auto const [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (digits.empty() || ec != std::errc{} || end != digits.data() + digits.size())
        return std::nullopt;
    return value;
}

/// RFC 9112 §9.3 and RFC 9110 §15: these have no body.
bool bodiless(std::uint16_t status) noexcept { return status == 204 || status == 304; }

} // namespace

http_response::http_response(limits l, bool head_request) : limits_(l), head_request_(head_request) {}

http_response::progress http_response::feed(std::string_view bytes) {
    while (!bytes.empty() && !done()) {
        if (stage_ == stage::counted || stage_ == stage::to_the_end || stage_ == stage::chunk_data) {
            bytes = take_body(bytes);
            continue;
        }
        auto const end = bytes.find('\n');
        auto const part = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
        line_bytes_ += part.size();
        if (line_bytes_ > limits_.head) {
            fail(progress_ == progress::head
                     ? "the head of the answer is longer than " + std::to_string(limits_.head) + " bytes"
                     : "the chunk framing of the answer never ends");
            break;
        }
        line_.append(part);
        bytes.remove_prefix(part.size());
        if (end != std::string_view::npos)
            take_line();
    }
    return progress_;
}

http_response::progress http_response::finish() {
    if (done())
        return progress_;
    if (stage_ == stage::to_the_end)
        progress_ = progress::complete;
    else if (stage_ == stage::status_line && line_bytes_ == 0)
        fail("the connection was closed without an answer");
    else if (progress_ == progress::head)
        fail("the connection was closed within the head of the answer");
    else
        fail("the connection was closed within the body of the answer");
    return progress_;
}

void http_response::take_line() {
    line_.pop_back();
    if (!line_.empty() && line_.back() == '\r')
        line_.pop_back();
    std::string const line = std::exchange(line_, {});
    switch (stage_) {
    case stage::status_line:
        status_line(line);
        break;
    case stage::field:
        line.empty() ? head_done() : field_line(line);
        break;
    case stage::chunk_size:
        chunk_size_line(line);
        break;
    case stage::chunk_end:
        if (!line.empty())
            return fail("a chunk of the answer is longer than it says");
        stage_ = stage::chunk_size;
        break;
    case stage::trailer:
        if (line.empty())
            progress_ = progress::complete;
        break;
    case stage::counted:
    case stage::to_the_end:
    case stage::chunk_data:
        break; // no lines there
    }
}

void http_response::status_line(std::string_view line) {
    // HTTP/1.x SP 3DIGIT [SP reason-phrase]
    bool const versioned = line.size() >= 12 && line.starts_with("HTTP/1.") && line[7] >= '0' && line[7] <= '9' &&
                           line[8] == ' ' && (line.size() == 12 || line[12] == ' ');
    auto const code = versioned ? number(line.substr(9, 3), 10) : std::nullopt;
    if (!code || *code < 100 || *code > 599)
        return fail("the answer is not HTTP/1: it starts with \"" + std::string(line.substr(0, 40)) + "\"");
    status_ = static_cast<std::uint16_t>(*code);
    reason_ = line.size() > 13 ? trimmed(line.substr(13)) : std::string_view{};
    stage_ = stage::field;
}

void http_response::field_line(std::string_view line) {
    auto const colon = line.find(':');
    if (colon == std::string_view::npos)
        return; // a folded line or nonsense; neither can be one of the fields that matter
    auto const name = line.substr(0, colon);
    auto const value = trimmed(line.substr(colon + 1));
    if (same_word(name, "content-length")) {
        if (!content_length(value))
            fail("the answer's Content-Length is not one number: \"" + std::string(value.substr(0, 40)) + "\"");
    } else if (same_word(name, "transfer-encoding")) {
        transfer_encoding(value);
    } else if (same_word(name, "location")) {
        location_ = value.substr(0, 200);
    }
}

bool http_response::content_length(std::string_view value) {
    // Equal values repeated in one field or several are one (RFC 9110 §8.6).
    for (;;) {
        auto const comma = value.find(',');
        auto const n = number(trimmed(value.substr(0, comma)), 10);
        if (!n || (length_ && *length_ != *n))
            return false;
        length_ = n;
        if (comma == std::string_view::npos)
            return true;
        value.remove_prefix(comma + 1);
    }
}

void http_response::transfer_encoding(std::string_view value) {
    encoded_ = true;
    auto const comma = value.rfind(',');
    chunked_ = same_word(trimmed(comma == std::string_view::npos ? value : value.substr(comma + 1)), "chunked");
}

void http_response::head_done() {
    if (status_ == 101)
        return fail("status 101: the server switched to another protocol");
    if (status_ < 200) { // interim: the real one follows
        stage_ = stage::status_line;
        length_.reset();
        encoded_ = chunked_ = false;
        return;
    }
    progress_ = progress::body;
    line_bytes_ = 0;
    if (head_request_ || bodiless(status_)) {
        progress_ = progress::complete;
    } else if (encoded_) { // overrides a length (RFC 9112 §6.3)
        stage_ = chunked_ ? stage::chunk_size : stage::to_the_end;
    } else if (length_) {
        stage_ = stage::counted;
        remaining_ = *length_;
        if (remaining_ == 0)
            progress_ = progress::complete;
    } else {
        stage_ = stage::to_the_end;
    }
}

void http_response::chunk_size_line(std::string_view line) {
    auto const size = number(trimmed(line.substr(0, line.find(';'))), 16);
    if (!size)
        return fail("a chunk size of the answer is not a number: \"" + std::string(line.substr(0, 40)) + "\"");
    remaining_ = *size;
    stage_ = remaining_ == 0 ? stage::trailer : stage::chunk_data;
}

/// Keeps what belongs to the body and fits; returns what follows it.
std::string_view http_response::take_body(std::string_view bytes) {
    std::size_t mine = bytes.size();
    if (stage_ != stage::to_the_end)
        mine = static_cast<std::size_t>(std::min<std::uint64_t>(mine, remaining_));
    std::size_t const fits = std::min(mine, limits_.body - body_.size());
    body_.append(bytes.substr(0, fits));
    if (fits < mine) {
        progress_ = progress::truncated;
        return {};
    }
    if (stage_ != stage::to_the_end) {
        remaining_ -= mine;
        if (remaining_ == 0) {
            if (stage_ == stage::counted)
                progress_ = progress::complete;
            else
                stage_ = stage::chunk_end;
            line_bytes_ = 0;
        }
    }
    return bytes.substr(mine);
}

void http_response::fail(std::string why) {
    progress_ = progress::failed;
    fault_ = std::move(why);
}

} // namespace balance::core
