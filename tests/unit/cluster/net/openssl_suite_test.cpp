// SPDX-License-Identifier: Apache-2.0
#include "net/openssl_suite.hpp"

#include <catch2/catch.hpp>

#include <numeric>
#include <string_view>
#include <vector>

using namespace cluster;

namespace {

std::vector<std::uint8_t> bytes(std::string_view text) { return {text.begin(), text.end()}; }

} // namespace

TEST_CASE("the cipher is that of RFC 8439, section 2.8.2") {
    auto const suite = net::make_openssl_suite(key::generate());
    auto const cipher = suite->make_cipher();
    wire::cipher_key k{};
    std::iota(k.begin(), k.end(), std::uint8_t{0x80});
    wire::nonce const n{0x07, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47};
    std::vector<std::uint8_t> const associated{0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
    auto const plain = bytes("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
                             "future, sunscreen would be it.");
    cipher->rekey(k);
    std::vector<std::uint8_t> sealed(plain.size() + wire::tag_size);
    cipher->seal(n, associated, plain, sealed);
    std::vector<std::uint8_t> const tag(sealed.end() - wire::tag_size, sealed.end());
    CHECK(tag == std::vector<std::uint8_t>{0x1a, 0xe1, 0x0b, 0x59, 0x4f, 0x09, 0xe2, 0x6a, 0x7e, 0x90, 0x2e, 0xcb, 0xd0,
                                           0x60, 0x06, 0x91});
    CHECK(sealed[0] == 0xd3);

    std::vector<std::uint8_t> opened(plain.size());
    REQUIRE(cipher->open(n, associated, sealed, opened)); // the same object, the other direction
    CHECK(opened == plain);
    cipher->seal(n, associated, plain, sealed);
    sealed.back() ^= 1;
    CHECK_FALSE(cipher->open(n, associated, sealed, opened));
    sealed.back() ^= 1;
    CHECK(cipher->open(n, associated, sealed, opened)); // a failure leaves nothing behind
}

TEST_CASE("keys differ with the pair's key, the salt and the purpose") {
    auto const one = net::make_openssl_suite(key::generate());
    auto const other = net::make_openssl_suite(key::generate());
    auto const salt = bytes("salt");
    auto const purpose = bytes("purpose");
    auto const k = one->derive(salt, purpose);
    CHECK(one->derive(salt, purpose) == k);
    CHECK(other->derive(salt, purpose) != k);
    CHECK(one->derive(bytes("pepper"), purpose) != k);
    CHECK(one->derive(salt, bytes("other")) != k);
}
