// SPDX-License-Identifier: Apache-2.0
// The inside of tls_context, for the two files that speak to OpenSSL.
#pragma once

#include "net/tls_engine.hpp"
#include "wire/cipher.hpp"

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace cluster::net {

struct tls_context::impl {
    struct free_context {
        void operator()(SSL_CTX* c) const noexcept { SSL_CTX_free(c); }
    };
    std::unique_ptr<SSL_CTX, free_context> context;
    wire::cipher_key psk{};
    std::string identity;
    tls_purpose const* purpose = nullptr;

    ~impl();
};

} // namespace cluster::net
