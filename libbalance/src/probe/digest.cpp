// SPDX-License-Identifier: Apache-2.0
#include "probe/digest.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace balance::probe {
namespace {

unsigned char const* octets(std::string_view bytes) { return reinterpret_cast<unsigned char const*>(bytes.data()); }

std::string digest_of(EVP_MD const* kind, std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, kind, nullptr) != 1)
        return {};
    return {reinterpret_cast<char const*>(out.data()), size};
}

std::string hmac_of(EVP_MD const* kind, std::string_view key, std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    if (HMAC(kind, key.data(), static_cast<int>(key.size()), octets(bytes), bytes.size(), out.data(), &size) == nullptr)
        return {};
    return {reinterpret_cast<char const*>(out.data()), size};
}

} // namespace

std::string md5(std::string_view bytes) { return digest_of(EVP_md5(), bytes); }
std::string sha1(std::string_view bytes) { return digest_of(EVP_sha1(), bytes); }
std::string sha256(std::string_view bytes) { return digest_of(EVP_sha256(), bytes); }
std::string hmac_md5(std::string_view key, std::string_view bytes) { return hmac_of(EVP_md5(), key, bytes); }
std::string hmac_sha256(std::string_view key, std::string_view bytes) { return hmac_of(EVP_sha256(), key, bytes); }

std::string pbkdf2_sha256(std::string_view password, std::string_view salt, unsigned rounds) {
    std::array<unsigned char, 32> out{};
    if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), octets(salt), static_cast<int>(salt.size()),
                          static_cast<int>(rounds), EVP_sha256(), static_cast<int>(out.size()), out.data()) != 1)
        return {};
    return {reinterpret_cast<char const*>(out.data()), out.size()};
}

std::string exclusive_or(std::string_view a, std::string_view b) {
    std::string out;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        out += static_cast<char>(a[i] ^ b[i]);
    return out;
}

std::string hex(std::string_view bytes) {
    std::string out;
    for (char const c : bytes) {
        auto const u = static_cast<unsigned char>(c);
        out.append(1, "0123456789abcdef"[u >> 4]).append(1, "0123456789abcdef"[u & 15]);
    }
    return out;
}

std::string base64(std::string_view bytes) {
    std::string out(4 * ((bytes.size() + 2) / 3), '\0');
    auto* const to = reinterpret_cast<unsigned char*>(out.data()); // EVP writes a null behind it, which std::string has
    EVP_EncodeBlock(to, octets(bytes), static_cast<int>(bytes.size()));
    return out;
}

std::string from_base64(std::string_view text) {
    if (text.empty() || text.size() % 4 != 0)
        return {};
    std::string out(text.size() / 4 * 3, '\0');
    auto* const to = reinterpret_cast<unsigned char*>(out.data());
    if (EVP_DecodeBlock(to, octets(text), static_cast<int>(text.size())) < 0)
        return {};
    out.resize(out.size() - (text.ends_with("==") ? 2u : text.ends_with('=') ? 1u : 0u));
    return out;
}

std::string random_bytes(std::size_t count) {
    std::string out(count, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) != 1)
        std::abort(); // what can be foreseen must not be sent
    return out;
}

} // namespace balance::probe
