// SPDX-License-Identifier: Apache-2.0
#include "wire/pairing_token.hpp"

#include <cluster/pairing.hpp>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <cstdlib>

namespace cluster {

pairing_token pairing_token::generate() {
    std::array<std::uint8_t, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        std::abort(); // a guessable token is worse than none
    }
    pairing_token made{bytes};
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return made;
}

result<pairing_token> pairing_token::parse(std::string_view typed) {
    auto const bytes = wire::parse_token(typed);
    if (!bytes) {
        return bytes.error();
    }
    return pairing_token{*bytes};
}

pairing_token::~pairing_token() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

std::string pairing_token::text() const { return wire::format_token(bytes_); }

} // namespace cluster
