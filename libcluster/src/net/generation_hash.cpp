// SPDX-License-Identifier: Apache-2.0
#include "replicate/generation_rules.hpp"

#include <cluster/generation.hpp>

#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

namespace cluster {

sha256 hash_of(generation const& g) {
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> const context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    // Fails only for want of memory or of the algorithm itself; nothing can be replicated then.
    if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1)
        std::abort();
    replicate::canonical_form(g, [&](std::string_view piece) {
        if (EVP_DigestUpdate(context.get(), piece.data(), piece.size()) != 1)
            std::abort();
    });
    sha256 hash{};
    if (EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) != 1)
        std::abort();
    return hash;
}

} // namespace cluster
