// SPDX-License-Identifier: Apache-2.0
#include "net/openssl_suite.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cstdio>
#include <cstdlib>

namespace cluster::net {
namespace {

template <auto Free>
struct deleter {
    template <class T>
    void operator()(T* p) const noexcept {
        Free(p);
    }
};
using cipher_method = std::unique_ptr<EVP_CIPHER, deleter<EVP_CIPHER_free>>;
using cipher_context = std::unique_ptr<EVP_CIPHER_CTX, deleter<EVP_CIPHER_CTX_free>>;
using kdf_method = std::unique_ptr<EVP_KDF, deleter<EVP_KDF_free>>;
using kdf_context = std::unique_ptr<EVP_KDF_CTX, deleter<EVP_KDF_CTX_free>>;

/// Cryptography that doesn't work is no condition to go on in: the peer takes over.
void require(bool ok, char const* what) {
    if (!ok) {
        std::fprintf(stderr, "OpenSSL: %s failed; is the libcrypto of this machine complete?\n", what);
        std::abort();
    }
}

class chacha20_poly1305 final : public wire::cipher {
public:
    explicit chacha20_poly1305(EVP_CIPHER const* method) : context_(EVP_CIPHER_CTX_new()) {
        require(context_ != nullptr && EVP_CipherInit_ex2(context_.get(), method, nullptr, nullptr, 1, nullptr) == 1,
                "setting up ChaCha20-Poly1305");
    }

    void rekey(wire::cipher_key const& key) override {
        require(EVP_CipherInit_ex2(context_.get(), nullptr, key.data(), nullptr, -1, nullptr) == 1, "setting a key");
    }

    void seal(wire::nonce const& n, wire::byte_view associated, wire::byte_view plain,
              wire::byte_span sealed) override {
        auto* const c = context_.get();
        int size = 0;
        int rest = 0;
        bool ok = EVP_CipherInit_ex2(c, nullptr, nullptr, n.data(), 1, nullptr) == 1 &&
                  EVP_CipherUpdate(c, nullptr, &size, associated.data(), static_cast<int>(associated.size())) == 1;
        size = 0;
        if (!plain.empty()) {
            ok = ok && EVP_CipherUpdate(c, sealed.data(), &size, plain.data(), static_cast<int>(plain.size())) == 1;
        }
        ok = ok && EVP_CipherFinal_ex(c, sealed.data() + size, &rest) == 1 &&
             EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, wire::tag_size, sealed.data() + plain.size()) == 1;
        require(ok, "sealing a frame");
    }

    bool open(wire::nonce const& n, wire::byte_view associated, wire::byte_view sealed,
              wire::byte_span plain) override {
        auto* const c = context_.get();
        auto const body = sealed.first(sealed.size() - wire::tag_size);
        auto tag = std::array<std::uint8_t, wire::tag_size>{};
        std::copy(sealed.end() - wire::tag_size, sealed.end(), tag.begin());
        int size = 0;
        int rest = 0;
        std::array<std::uint8_t, 1> nothing{};
        auto* const out = plain.empty() ? nothing.data() : plain.data();
        return EVP_CipherInit_ex2(c, nullptr, nullptr, n.data(), 0, nullptr) == 1 &&
               EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, wire::tag_size, tag.data()) == 1 &&
               EVP_CipherUpdate(c, nullptr, &size, associated.data(), static_cast<int>(associated.size())) == 1 &&
               (body.empty() || EVP_CipherUpdate(c, out, &size, body.data(), static_cast<int>(body.size())) == 1) &&
               EVP_CipherFinal_ex(c, out + body.size(), &rest) == 1;
    }

private:
    cipher_context context_;
};

class openssl_suite final : public wire::suite {
public:
    explicit openssl_suite(key const& pair_key)
        : key_(pair_key), cipher_(EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr)),
          kdf_(EVP_KDF_fetch(nullptr, "HKDF", nullptr)), derivation_(EVP_KDF_CTX_new(kdf_.get())) {
        require(cipher_ != nullptr && derivation_ != nullptr, "finding ChaCha20-Poly1305 and HKDF");
    }

    std::unique_ptr<wire::cipher> make_cipher() override { return std::make_unique<chacha20_poly1305>(cipher_.get()); }

    wire::cipher_key derive(wire::byte_view salt, wire::byte_view info) override {
        // OSSL_PARAM has no const pointers, although HKDF only reads them.
        auto const octets = [](char const* name, wire::byte_view bytes) {
            return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()), bytes.size());
        };
        char digest[] = "SHA256";
        std::array<OSSL_PARAM, 5> const parameters{OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                                   octets(OSSL_KDF_PARAM_KEY, key_.bytes()),
                                                   octets(OSSL_KDF_PARAM_SALT, salt), octets(OSSL_KDF_PARAM_INFO, info),
                                                   OSSL_PARAM_construct_end()};
        wire::cipher_key out{};
        EVP_KDF_CTX_reset(derivation_.get());
        require(EVP_KDF_derive(derivation_.get(), out.data(), out.size(), parameters.data()) == 1, "deriving a key");
        return out;
    }

    void random(wire::byte_span out) override {
        require(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1, "drawing random bytes");
    }

private:
    key key_;
    cipher_method cipher_;
    kdf_method kdf_;
    kdf_context derivation_;
};

} // namespace

std::unique_ptr<wire::suite> make_openssl_suite(key const& pair_key) {
    return std::make_unique<openssl_suite>(pair_key);
}

} // namespace cluster::net
