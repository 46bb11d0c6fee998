// SPDX-License-Identifier: Apache-2.0
#include "ipc/base64.hpp"

#include <array>

namespace dyad::ipc {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::uint8_t no_digit = 64;
constexpr auto digits = [] {
    std::array<std::uint8_t, 256> out{};
    out.fill(no_digit);
    for (std::uint8_t i = 0; i < alphabet.size(); ++i) {
        out[static_cast<std::uint8_t>(alphabet[i])] = i;
    }
    return out;
}();

} // namespace

std::string to_base64(std::span<std::uint8_t const> bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (auto const byte : bytes) {
        bits = bits << 8 | byte;
        for (held += 8; held >= 6; held -= 6) {
            text.push_back(alphabet[bits >> (held - 6) & 63]);
        }
    }
    if (held > 0) {
        text.push_back(alphabet[bits << (6 - held) & 63]);
    }
    text.append((4 - text.size() % 4) % 4, '=');
    return text;
}

std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) {
        return std::nullopt;
    }
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) {
        text.remove_suffix(1);
    }
    std::vector<std::uint8_t> bytes;
    bytes.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (auto const c : text) {
        auto const digit = digits[static_cast<std::uint8_t>(c)];
        if (digit == no_digit) {
            return std::nullopt;
        }
        bits = bits << 6 | digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes.push_back(static_cast<std::uint8_t>(bits >> held & 0xff));
        }
    }
    if ((bits & ((1u << held) - 1)) != 0) {
        return std::nullopt; // two texts would mean the same bytes
    }
    return bytes;
}

} // namespace dyad::ipc
