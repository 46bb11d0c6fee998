// SPDX-License-Identifier: Apache-2.0
#include "ipc/base64.hpp"

#include <catch2/catch.hpp>

using namespace dyad::ipc;

namespace {

std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

} // namespace

TEST_CASE("base64 of RFC 4648 §10") {
    std::pair<std::string_view, std::string_view> const vectors[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (auto const& [clear, text] : vectors) {
        CHECK(to_base64(bytes_of(clear)) == text);
        CHECK(from_base64(text) == bytes_of(clear));
    }
}

TEST_CASE("base64 carries every byte") {
    std::vector<std::uint8_t> all(256);
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i] = static_cast<std::uint8_t>(i);
    }
    CHECK(from_base64(to_base64(all)) == all);
}

TEST_CASE("what is no base64 is refused") {
    for (auto const* text : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm 9v", "Zm9v\n"}) {
        INFO(text);
        CHECK_FALSE(from_base64(text).has_value());
    }
}
