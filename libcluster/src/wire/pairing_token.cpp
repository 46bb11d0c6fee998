// SPDX-License-Identifier: Apache-2.0
#include "wire/pairing_token.hpp"

#include <cstddef>

namespace cluster::wire {
namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t data_digits = 26; // 130 bits; the last two are zero
constexpr std::size_t check_digits = 2;
constexpr std::size_t digits = data_digits + check_digits;
constexpr std::size_t group = 4;

using values = std::array<std::uint8_t, digits>;

/// Each digit times its place, modulo a prime that is greater than any difference which one wrong digit or two swapped
/// ones can make.
std::uint32_t checksum(values const& v) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < data_digits; ++i)
        sum += static_cast<std::uint32_t>(i + 1) * v[i];
    return sum % 1021;
}

int value_of(char c) {
    if (c >= 'a' && c <= 'z')
        c = static_cast<char>(c - 'a' + 'A');
    if (c == 'O')
        return 0;
    if (c == 'I' || c == 'L')
        return 1;
    auto const at = alphabet.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

balance::error mistyped(std::string_view how) {
    return balance::make_error(balance::errc::refused, "this is no token: " + std::string(how) +
                                                           "; type it as `dyad pair-token` shows it on the other node");
}

} // namespace

std::string format_token(token_bytes const& bytes) {
    values v{};
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit)
        if ((bytes[bit / 8] >> (7 - bit % 8) & 1) != 0)
            v[bit / 5] |= static_cast<std::uint8_t>(1u << (4 - bit % 5));
    auto const sum = checksum(v);
    v[data_digits] = static_cast<std::uint8_t>(sum >> 5);
    v[data_digits + 1] = static_cast<std::uint8_t>(sum & 31);
    std::string text;
    for (std::size_t i = 0; i < digits; ++i) {
        if (i != 0 && i % group == 0)
            text += '-';
        text += alphabet[v[i]];
    }
    return text;
}

balance::result<token_bytes> parse_token(std::string_view typed) {
    values v{};
    std::size_t count = 0;
    for (char const c : typed) {
        if (c == '-' || c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        auto const value = value_of(c);
        if (value < 0)
            return mistyped("it has a character that no token has");
        if (count == digits)
            return mistyped("it is longer than 28 characters");
        v[count++] = static_cast<std::uint8_t>(value);
    }
    if (count < digits)
        return mistyped("it is shorter than 28 characters");
    auto const sum = static_cast<std::uint32_t>(v[data_digits]) << 5 | v[data_digits + 1];
    if (sum != checksum(v) || (v[data_digits - 1] & 3) != 0)
        return mistyped("a character is wrong, or two are swapped");
    token_bytes bytes{};
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit)
        if ((v[bit / 5] >> (4 - bit % 5) & 1) != 0)
            bytes[bit / 8] |= static_cast<std::uint8_t>(1u << (7 - bit % 8));
    return bytes;
}

} // namespace cluster::wire
