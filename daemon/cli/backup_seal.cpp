// SPDX-License-Identifier: Apache-2.0
#include <cli/backup_seal.hpp>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <memory>

namespace dyad::cli::backup {

namespace {

constexpr int tag_size = 16;
constexpr std::size_t piece = std::size_t{1} << 20; ///< OpenSSL counts in int

using key = std::array<std::uint8_t, 32>;
struct context_deleter {
    void operator()(EVP_CIPHER_CTX* c) const noexcept { EVP_CIPHER_CTX_free(c); }
};
using context = std::unique_ptr<EVP_CIPHER_CTX, context_deleter>;

std::uint8_t const* bytes_of(std::string_view s) { return reinterpret_cast<std::uint8_t const*>(s.data()); }

balance::error broken(char const* what) {
    return balance::make_error(balance::errc::io_error, std::string("OpenSSL failed: ") + what);
}

/// RFC 7914; 2^15, 8, 1 takes a tenth of a second and 32 MiB.
bool derive(std::string_view passphrase, envelope const& e, key& out) {
    return EVP_PBE_scrypt(passphrase.data(), passphrase.size(), e.salt.data(), e.salt.size(), 1u << 15, 8, 1, std::uint64_t{64} << 20,
                          out.data(), out.size()) == 1;
}

std::string checksum(std::string_view head, std::string_view body) {
    std::string out(checksum_size, '\0');
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> const md(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    unsigned size = 0;
    bool const ok = md && EVP_DigestInit_ex(md.get(), EVP_sha256(), nullptr) == 1 &&
                    EVP_DigestUpdate(md.get(), head.data(), head.size()) == 1 && EVP_DigestUpdate(md.get(), body.data(), body.size()) == 1 &&
                    EVP_DigestFinal_ex(md.get(), reinterpret_cast<std::uint8_t*>(out.data()), &size) == 1;
    return ok ? out : std::string();
}

/// Encrypts or decrypts `in`, whose seal covers `head` too; `tag` is written or read. False: OpenSSL refuses, or the tag is wrong.
bool crypt(bool encrypt, envelope const& e, std::string_view head, std::string_view passphrase, std::string_view in, std::string& out,
           std::array<std::uint8_t, tag_size>& tag) {
    key secret{};
    context const c(EVP_CIPHER_CTX_new());
    int n = 0;
    bool ok = c && derive(passphrase, e, secret) &&
              EVP_CipherInit_ex(c.get(), EVP_aes_256_gcm(), nullptr, secret.data(), e.nonce.data(), encrypt ? 1 : 0) == 1 &&
              EVP_CipherUpdate(c.get(), nullptr, &n, bytes_of(head), static_cast<int>(head.size())) == 1;
    OPENSSL_cleanse(secret.data(), secret.size());
    out.resize(in.size());
    auto* to = reinterpret_cast<std::uint8_t*>(out.data());
    for (std::size_t at = 0; ok && at < in.size(); at += piece) {
        ok = EVP_CipherUpdate(c.get(), to + at, &n, bytes_of(in) + at, static_cast<int>(std::min(piece, in.size() - at))) == 1;
    }
    ok = ok && (encrypt || EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_SET_TAG, tag_size, tag.data()) == 1);
    ok = ok && EVP_CipherFinal_ex(c.get(), to + out.size(), &n) == 1;
    return ok && (!encrypt || EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_GET_TAG, tag_size, tag.data()) == 1);
}

balance::result<envelope> whole(std::string_view file) {
    auto e = decode_envelope(file);
    if (!e) {
        return e;
    }
    if (checksum(e->head, e->body) != file.substr(file.size() - checksum_size)) {
        return balance::make_error(balance::errc::protocol_error, "this backup is damaged: its checksum is another one");
    }
    return e;
}

} // namespace

balance::result<std::string> wrap(std::vector<item> const& items, std::string_view passphrase) {
    auto body = encode(items);
    envelope e{.sealed = !passphrase.empty(), .head = {}, .body = {}};
    if (RAND_bytes(e.salt.data(), static_cast<int>(e.salt.size())) != 1 || RAND_bytes(e.nonce.data(), static_cast<int>(e.nonce.size())) != 1) {
        return broken("no random bytes");
    }
    auto const head = encode_head(e, body.size() + (e.sealed ? tag_size : 0));
    if (e.sealed) {
        std::string sealed;
        std::array<std::uint8_t, tag_size> tag{};
        if (!crypt(true, e, head, passphrase, body, sealed, tag)) {
            return broken("the backup cannot be encrypted");
        }
        body = std::move(sealed);
        body.append(tag.begin(), tag.end());
    }
    auto const sum = checksum(head, body);
    return sum.empty() ? balance::result<std::string>(broken("no SHA-256")) : balance::result<std::string>(head + body + sum);
}

balance::result<bool> wants_passphrase(std::string_view file) {
    auto const e = whole(file);
    return e ? balance::result<bool>(e->sealed) : balance::result<bool>(e.error());
}

balance::result<std::vector<item>> unwrap(std::string_view file, std::string_view passphrase) {
    auto const e = whole(file);
    if (!e) {
        return e.error();
    }
    if (!e->sealed) {
        return decode(e->body);
    }
    std::array<std::uint8_t, tag_size> tag{};
    std::string plain;
    if (e->body.size() < tag.size()) {
        return balance::make_error(balance::errc::protocol_error, "this is no whole backup: it ends too early");
    }
    auto const sealed = e->body.substr(0, e->body.size() - tag.size());
    std::copy(e->body.end() - tag_size, e->body.end(), tag.begin());
    if (!crypt(false, *e, e->head, passphrase, sealed, plain, tag)) {
        return balance::make_error(balance::errc::not_permitted, "this is not the passphrase that the backup was made with");
    }
    return decode(plain);
}

} // namespace dyad::cli::backup
