// SPDX-License-Identifier: Apache-2.0
#include "core/forwarded_client.hpp"

#include "core/subnet.hpp"

#include <array>
#include <optional>
#include <string_view>

namespace balance::core::http {
namespace {

std::string_view without_blanks(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

/// Some relays add a port, and then brackets to IPv6.
std::optional<address> told_address(std::string_view text) noexcept {
    if (text.starts_with('['))
        text = text.substr(1, std::min(text.find(']'), text.size()) - 1);
    else if (text.find(':') == text.rfind(':'))
        text = text.substr(0, text.find(':'));
    std::array<char, 46> terminated{};
    if (text.empty() || text.size() >= terminated.size() || text.find('%') != text.npos || text.find('\0') != text.npos)
        return std::nullopt;
    std::copy(text.begin(), text.end(), terminated.begin());
    boost::system::error_code ec;
    auto const out = boost::asio::ip::make_address(terminated.data(), ec);
    if (ec)
        return std::nullopt;
    if (out.is_v6() && out.to_v6().is_v4_mapped())
        return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, out.to_v6());
    return out;
}

/// Takes a quoted string off the front (RFC 9110 5.6.4). False when it has no end.
bool take_quoted(std::string_view& text) noexcept {
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            text.remove_prefix(i + 1);
            return true;
        }
    }
    return false;
}

/// Takes "NAME=VALUE" off the front.
bool take_pair(std::string_view& text) noexcept {
    auto const equals = text.find('=');
    if (equals == text.npos || !is_token(text.substr(0, equals)))
        return false;
    text.remove_prefix(equals + 1);
    if (text.starts_with('"'))
        return take_quoted(text);
    auto const end = std::min(text.find_first_of(",; \t\"\\"), text.size());
    text.remove_prefix(end);
    return end != 0;
}

} // namespace

bool is_whole_forwarded(std::string_view value) noexcept {
    while (!(value = without_blanks(value)).empty()) {
        if (value.front() == ',' || value.front() == ';') {
            value.remove_prefix(1);
            continue;
        }
        if (!take_pair(value))
            return false;
        value = without_blanks(value);
        if (!value.empty() && value.front() != ',' && value.front() != ';')
            return false;
    }
    return true;
}

address forwarded_client(field_list const& fields, address const& from, std::span<subnet const> trusted) noexcept {
    auto client = from;
    auto const all = fields.all();
    for (auto f = all.rbegin(); f != all.rend(); ++f) {
        if (!same(f->name, "x-forwarded-for"))
            continue;
        for (auto rest = f->value; !rest.empty();) {
            auto const comma = rest.rfind(',');
            auto const word = comma == rest.npos ? rest : rest.substr(comma + 1);
            rest = rest.substr(0, comma == rest.npos ? 0 : comma);
            if (!holds(trusted, client))
                return client;
            auto const told = told_address(without_blanks(word));
            if (!told)
                return client;
            client = *told;
        }
    }
    return client;
}

} // namespace balance::core::http
