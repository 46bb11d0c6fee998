// SPDX-License-Identifier: Apache-2.0
// The inside of tls_context, for the two files that speak to OpenSSL.
#pragma once

#include "net/tls_engine.hpp"
#include "wire/cipher.hpp"

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

namespace cluster::net {

struct tls_context::impl {
    struct free_context {
        void operator()(SSL_CTX* c) const noexcept { SSL_CTX_free(c); }
    };
    std::unique_ptr<SSL_CTX, free_context> context;
    /// A secret's PSK, and what the node calls itself when it offers it.
    struct offer {
        wire::cipher_key psk{};
        std::uint64_t fingerprint = 0;
        std::string identity;

        offer() = default;
        offer(offer&&) = default;
        offer& operator=(offer&&) = default;
        ~offer();
    };
    std::string identity;      ///< without a fingerprint
    std::vector<offer> offers; ///< the first is for our own connections
    tls_purpose const* purpose = nullptr;
};

} // namespace cluster::net
