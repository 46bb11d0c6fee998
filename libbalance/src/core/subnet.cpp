// SPDX-License-Identifier: Apache-2.0
#include "core/subnet.hpp"

#include <balance/text.hpp>

#include <algorithm>
#include <charconv>
#include <string>

namespace balance {
namespace core {
namespace {

template <class Bytes>
Bytes without_tail(Bytes bytes, unsigned length) noexcept {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        unsigned const kept = std::min(8u, length - std::min(length, static_cast<unsigned>(8 * i)));
        bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00u >> kept));
    }
    return bytes;
}

} // namespace

address masked(address const& a, unsigned length) noexcept {
    if (a.is_v4())
        return boost::asio::ip::address_v4(without_tail(a.to_v4().to_bytes(), length));
    return boost::asio::ip::address_v6(without_tail(a.to_v6().to_bytes(), length));
}

bool holds(std::span<subnet const> list, address const& a) noexcept {
    return std::any_of(list.begin(), list.end(), [&](subnet const& s) {
        return s.base.is_v4() == a.is_v4() && masked(a, s.length) == masked(s.base, s.length);
    });
}

} // namespace core

result<subnet> parse_subnet(std::string_view text) {
    auto const wrong = [&](std::string const& rule) {
        return make_error(errc::invalid_configuration, in_quotes(text) + " is no network; " + rule);
    };
    auto const slash = std::min(text.find('/'), text.size());
    auto const base = parse_address(text.substr(0, slash));
    if (!base)
        return wrong("it must look like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1");
    unsigned const widest = base->is_v4() ? 32 : 128;
    unsigned length = widest;
    if (slash != text.size()) {
        auto const digits = text.substr(slash + 1);
        auto const [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
        if (ec != std::errc() || end != digits.data() + digits.size() || length > widest)
            return wrong("its length must be 0 to " + std::to_string(widest));
    }
    auto const first = core::masked(*base, length);
    if (first != *base)
        return wrong("it has bits beyond its length; write " + first.to_string() + "/" + std::to_string(length));
    return subnet{*base, static_cast<std::uint8_t>(length)};
}

} // namespace balance
