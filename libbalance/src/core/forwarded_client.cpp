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

} // namespace

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
