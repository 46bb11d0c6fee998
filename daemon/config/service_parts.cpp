// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <config/document.hpp>
#include <config/service_parts.hpp>
#include <set>

namespace dyad::config {
namespace {

constexpr bool is_bare(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/// The key that `text` begins with, bare or in plain quotes, and is shortened by. Empty: neither, or it is empty.
std::string_view take_key(std::string_view& text) {
    if (!text.empty() && text.front() == '"') {
        auto const end = text.find_first_of("\"\\\n", 1);
        if (end == text.npos || text[end] != '"') {
            return {};
        }
        auto const key = text.substr(1, end - 1);
        text.remove_prefix(end + 1);
        return key;
    }
    auto const key = text.substr(0, static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_bare) - text.begin()));
    text.remove_prefix(key.size());
    return key;
}

struct header {
    bool of_service = false;
    std::string_view service; ///< its name
};

/// `text` begins with the bracket of a header.
std::optional<header> read_header(std::string_view text) {
    text.remove_prefix(1);
    auto const first = take_key(text);
    if (first.empty()) {
        return std::nullopt;
    }
    if (first != "service") {
        return header{};
    }
    if (text.empty() || text.front() != '.') {
        return std::nullopt;
    }
    text.remove_prefix(1);
    auto const name = take_key(text);
    if (name.empty() || text.empty() || (text.front() != '.' && text.front() != ']')) {
        return std::nullopt;
    }
    return header{true, name};
}

} // namespace

std::optional<service_parts> take_apart(std::string_view text) {
    std::vector<std::size_t> headers;
    if (text.size() > max_file_size || prescan(text, &headers).at.line != 0) {
        return std::nullopt;
    }
    headers.push_back(text.size());
    service_parts out;
    out.rest = text.substr(0, headers.front());
    std::set<std::string_view> names;
    bool within = false; // a service
    for (std::size_t i = 0; i + 1 < headers.size(); ++i) {
        auto const lines = text.substr(headers[i], headers[i + 1] - headers[i]);
        auto const h = read_header(lines);
        if (!h) {
            return std::nullopt;
        }
        if (!h->of_service) {
            out.rest += lines;
        } else if (within && out.services.back().name == h->service) {
            auto& part = out.services.back().text;
            part = {part.data(), part.size() + lines.size()};
        } else if (names.insert(h->service).second) {
            out.services.push_back({h->service, lines});
        } else {
            return std::nullopt;
        }
        within = h->of_service;
    }
    return out;
}

} // namespace dyad::config
