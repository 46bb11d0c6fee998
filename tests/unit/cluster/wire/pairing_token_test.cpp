// SPDX-License-Identifier: Apache-2.0
#include "wire/pairing_token.hpp"

#include <catch2/catch.hpp>

#include <utility>

using namespace cluster::wire;

namespace {

token_bytes const zero_bytes{};
token_bytes const counted_bytes{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                          0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

} // namespace

TEST_CASE("pairing token: seven groups of four, the same for the same bytes") {
    CHECK(format_token(zero_bytes) == "0000-0000-0000-0000-0000-0000-0000");
    // Made by a program of Python's base64.b32encode and Crockford's alphabet.
    CHECK(format_token(counted_bytes) == "008J-4CT4-ANK7-F24S-NAXW-SQFE-ZWCZ");
    CHECK(parse_token(format_token(counted_bytes)).value() == counted_bytes);
}

TEST_CASE("pairing token: every bit comes back") {
    for (std::size_t bit = 0; bit < 128; ++bit) {
        token_bytes one{};
        one[bit / 8] = static_cast<std::uint8_t>(1u << bit % 8);
        CHECK(parse_token(format_token(one)).value() == one);
    }
}

TEST_CASE("pairing token: people type it as they like") {
    auto const text = format_token(counted_bytes);
    std::string typed = "  ";
    for (char c : text) {
        typed += c == '-' ? ' ' : c == '1' ? 'l' : c == '0' ? 'o' : static_cast<char>(c >= 'A' ? c - 'A' + 'a' : c);
    }
    CHECK(parse_token(typed + "\r\n").value() == counted_bytes);
}

TEST_CASE("pairing token: every wrong character and every two that are swapped are found") {
    auto const text = format_token(counted_bytes);
    constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (std::size_t i = 0; i < text.size(); ++i) {
        for (char const c : alphabet) {
            auto typed = text;
            typed[i] = c;
            CHECK((text[i] == '-' || c == text[i] || !parse_token(typed)));
        }
        for (std::size_t j = i + 1; j < text.size(); ++j) {
            auto typed = text;
            std::swap(typed[i], typed[j]);
            CHECK((text[i] == text[j] || text[i] == '-' || text[j] == '-' || !parse_token(typed)));
        }
    }
}

TEST_CASE("pairing token: what is refused is not repeated") {
    auto const text = format_token(counted_bytes);
    for (auto const& typed :
         {std::string(), text.substr(1), text + "0", std::string("secret!"), std::string(1000, 'A')}) {
        auto const r = parse_token(typed);
        REQUIRE_FALSE(r.has_value());
        CHECK(r.error().code == balance::errc::refused);
        CHECK(r.error().detail.size() < 200);
        CHECK((typed.empty() || r.error().detail.find(typed) == std::string::npos));
    }
}
