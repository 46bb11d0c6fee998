// SPDX-License-Identifier: Apache-2.0
#include "core/dns_question.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace balance::core {
namespace {

constexpr std::array<std::pair<std::string_view, std::uint16_t>, 9> record_types{
    {{"A", 1}, {"NS", 2}, {"CNAME", 5}, {"SOA", 6}, {"PTR", 12}, {"MX", 15}, {"TXT", 16}, {"AAAA", 28}, {"SRV", 33}}};

bool is_label(std::string_view text) {
    return !text.empty() && text.size() <= 63 &&
           std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
}

} // namespace

std::optional<dns_question> parse_dns_question(std::string_view text) {
    dns_question out;
    auto const space = text.find(' ');
    auto name = text.substr(0, space);
    if (space != text.npos) {
        auto const word = text.substr(space + 1);
        auto const* const known =
            std::find_if(record_types.begin(), record_types.end(), [&](auto const& t) { return t.first == word; });
        if (known == record_types.end())
            return std::nullopt;
        out.type = known->second;
    }
    if (name == ".")
        return out;
    if (name.ends_with('.'))
        name.remove_suffix(1);
    if (name.size() > 253)
        return std::nullopt;
    for (auto rest = name;;) {
        auto const label = rest.substr(0, rest.find('.'));
        if (!is_label(label))
            return std::nullopt;
        if (label.size() == rest.size())
            break;
        rest.remove_prefix(label.size() + 1);
    }
    out.name = name;
    std::transform(out.name.begin(), out.name.end(), out.name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

std::string dns_type_name(std::uint16_t type) {
    for (auto const& [name, number] : record_types)
        if (number == type)
            return std::string(name);
    return "TYPE" + std::to_string(type); // RFC 3597 §5
}

} // namespace balance::core
