// SPDX-License-Identifier: Apache-2.0
#include "cluster/key_words.hpp"

#include <array>
#include <charconv>
#include <cinttypes>
#include <cstdio>

namespace dyad {

namespace {

constexpr std::string_view holds_word = "holds ";
constexpr std::string_view offer_word = "offer ";
constexpr std::string_view refused_word = "refused ";
constexpr std::size_t print_digits = 16;
constexpr std::size_t longest_reason = 500;

/// Takes a fingerprint from the front of `text`.
std::optional<std::uint64_t> take_print(std::string_view& text) {
    std::uint64_t value = 0;
    if (text.size() < print_digits) {
        return std::nullopt;
    }
    auto const* const end = text.data() + print_digits;
    auto const [at, why] = std::from_chars(text.data(), end, value, 16);
    if (at != end || why != std::errc{}) {
        return std::nullopt;
    }
    text.remove_prefix(print_digits);
    text.remove_prefix(text.starts_with(' ') ? 1 : 0);
    return value;
}

} // namespace

std::string key_word(cluster::key_rotation::holds const& h) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "holds %016" PRIx64 " %016" PRIx64 " %016" PRIx64, h.keys.current, h.keys.next,
                  h.keys.previous);
    return text.data();
}

std::string key_word(cluster::key const& offered) {
    std::string word(offer_word);
    word.append(reinterpret_cast<char const*>(offered.bytes().data()), offered.bytes().size());
    return word;
}

std::string key_word(cluster::key_rotation::refused const& r) {
    return std::string(refused_word) + r.why.substr(0, longest_reason);
}

std::optional<heard_key_word> parse_key_word(std::string_view bytes) {
    if (bytes.starts_with(holds_word)) {
        bytes.remove_prefix(holds_word.size());
        auto const current = take_print(bytes);
        auto const next = current ? take_print(bytes) : std::nullopt;
        auto const previous = next ? take_print(bytes) : std::nullopt; // what follows belongs to later releases
        if (!previous || *current == 0) {
            return std::nullopt;
        }
        return cluster::key_rotation::holds{{*current, *next, *previous}};
    }
    if (bytes.starts_with(offer_word) && bytes.size() == offer_word.size() + cluster::key::size) {
        auto const* const first = reinterpret_cast<std::uint8_t const*>(bytes.data() + offer_word.size());
        return cluster::key{std::span<std::uint8_t const, cluster::key::size>(first, cluster::key::size)};
    }
    if (bytes.starts_with(refused_word)) {
        return cluster::key_rotation::refused{std::string(bytes.substr(refused_word.size(), longest_reason))};
    }
    return std::nullopt;
}

} // namespace dyad
