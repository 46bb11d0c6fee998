// SPDX-License-Identifier: Apache-2.0
#include "core/http_body.hpp"

#include <algorithm>

namespace balance::core::http {
namespace {

constexpr unsigned most_digits = 15; ///< a chunk of less than 2^60 bytes

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/// Fields that say where a message ends, who it is for or who may send it: behind the body they can only mislead.
bool is_forbidden_trailer(std::string_view name) noexcept {
    for (std::string_view const f : {"content-length", "transfer-encoding", "host", "trailer", "connection", "upgrade", "te",
                                     "authorization", "set-cookie", "cookie", "content-encoding", "content-type",
                                     "content-range", "expect", "location", "forwarded"})
        if (name == f)
            return true;
    return name.starts_with("x-forwarded-");
}

} // namespace

void body_reader::start(message_facts const& m) noexcept {
    *this = {};
    left_ = m.length;
    switch (m.framing) {
    case framing::none:
        stage_ = stage::done;
        break;
    case framing::counted:
        stage_ = stage::counted;
        break;
    case framing::chunked:
        left_ = 0;
        stage_ = stage::size;
        break;
    case framing::to_the_end:
        stage_ = stage::to_the_end;
        break;
    }
}

std::size_t body_reader::take(std::string_view bytes) noexcept {
    std::size_t at = 0;
    while (at < bytes.size() && stage_ != stage::done && stage_ != stage::failed) {
        if (stage_ == stage::to_the_end)
            return bytes.size();
        if (stage_ == stage::counted || stage_ == stage::data) {
            auto const n = std::min<std::uint64_t>(left_, bytes.size() - at);
            at += static_cast<std::size_t>(n);
            left_ -= n;
            if (left_ == 0)
                stage_ = stage_ == stage::counted ? stage::done : stage::data_cr;
            continue;
        }
        stage_ = after(bytes[at]);
        if (stage_ != stage::failed)
            ++at;
    }
    return at;
}

body_reader::stage body_reader::after(char c) noexcept {
    auto const expect = [c](char wanted, stage next) { return c == wanted ? next : stage::failed; };
    if (stage_ >= stage::trailer_start && ++trailer_ > most_trailer)
        return stage::failed;
    switch (stage_) {
    case stage::size:
        return after_size_character(c);
    case stage::extension:
        if (c == '\r')
            return stage::size_lf;
        return ++extension_ <= most_extension && is_field_value({&c, 1}) ? stage::extension : stage::failed;
    case stage::size_lf:
        digits_ = 0;
        extension_ = 0;
        return expect('\n', left_ == 0 ? stage::trailer_start : stage::data);
    case stage::data_cr:
        return expect('\r', stage::data_lf);
    case stage::data_lf:
        return expect('\n', stage::size);
    case stage::trailer_start:
        name_size_ = 0;
        return c == '\r' ? stage::last_lf : after_trailer_name(c);
    case stage::trailer_name:
        return after_trailer_name(c);
    case stage::trailer_value:
        if (c == '\r')
            return stage::trailer_lf;
        return is_field_value({&c, 1}) ? stage::trailer_value : stage::failed;
    case stage::trailer_lf:
        return expect('\n', stage::trailer_start);
    case stage::last_lf:
        return expect('\n', stage::done);
    default:
        return stage::failed;
    }
}

body_reader::stage body_reader::after_size_character(char c) noexcept {
    if (auto const value = hex_value(c); value >= 0) {
        left_ = left_ << 4 | static_cast<unsigned>(value);
        return ++digits_ <= most_digits ? stage::size : stage::failed;
    }
    if (digits_ == 0)
        return stage::failed;
    return c == '\r' ? stage::size_lf : c == ';' ? stage::extension : stage::failed;
}

body_reader::stage body_reader::after_trailer_name(char c) noexcept {
    if (c == ':')
        return name_size_ > 0 && !is_forbidden_trailer({name_.data(), std::min(name_size_, name_.size())})
                   ? stage::trailer_value
                   : stage::failed;
    if (!is_token({&c, 1}))
        return stage::failed;
    if (name_size_ < name_.size())
        name_[name_size_] = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    ++name_size_;
    return stage::trailer_name;
}

} // namespace balance::core::http
