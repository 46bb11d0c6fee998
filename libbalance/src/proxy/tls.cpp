// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#include <array>
#include <string_view>

namespace balance::layer7 {
namespace {

using context = std::unique_ptr<ssl_ctx_st, tls_deleter>;
using memory = std::unique_ptr<BIO, decltype(&BIO_free)>;

error refused(std::string what) {
    std::array<char, 256> text{};
    if (auto const code = ERR_get_error(); code != 0) {
        ERR_error_string_n(code, text.data(), text.size());
        what += ": " + std::string(text.data());
    }
    ERR_clear_error();
    return make_error(errc::invalid_configuration, std::move(what));
}

memory reader(std::string const& pem) {
    return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free};
}

/// A passphrase cannot be asked for here.
int no_passphrase(char*, int, int, void*) { return 0; }

result<> use_certificates(SSL_CTX* c, std::string const& pem) {
    auto const bytes = reader(pem);
    std::unique_ptr<X509, decltype(&X509_free)> const own(PEM_read_bio_X509_AUX(bytes.get(), nullptr, no_passphrase, nullptr),
                                                          &X509_free);
    if (!own || SSL_CTX_use_certificate(c, own.get()) != 1)
        return refused("it holds no usable certificate");
    while (X509* const link = PEM_read_bio_X509(bytes.get(), nullptr, no_passphrase, nullptr))
        if (SSL_CTX_add0_chain_cert(c, link) != 1) {
            X509_free(link);
            return refused("its chain cannot be used");
        }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) // that is the end of the text
        return refused("its chain cannot be read");
    ERR_clear_error();
    return {};
}

result<> use_key(SSL_CTX* c, std::string const& pem) {
    auto const bytes = reader(pem);
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> const key(
        PEM_read_bio_PrivateKey(bytes.get(), nullptr, no_passphrase, nullptr), &EVP_PKEY_free);
    if (!key)
        return refused("it holds no private key without a passphrase");
    if (SSL_CTX_use_PrivateKey(c, key.get()) != 1 || SSL_CTX_check_private_key(c) != 1)
        return refused("its key is not the certificate's");
    return {};
}

/// HTTP/1.1 is all that is spoken here; a client that offers other protocols alone goes on without.
int choose_protocol(SSL*, unsigned char const** out, unsigned char* size, unsigned char const* offered, unsigned length,
                    void*) {
    constexpr std::string_view ours = "\x08http/1.1";
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, size, reinterpret_cast<unsigned char const*>(ours.data()),
                              static_cast<unsigned>(ours.size()), offered, length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

result<context> make(SSL_METHOD const* method) {
    context c(SSL_CTX_new(method));
    if (!c)
        return refused("TLS cannot be used");
    SSL_CTX_set_options(c.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // Without the last one OpenSSL looks for a chain anew in each handshake; the chain is what stands in the PEM.
    SSL_CTX_set_mode(c.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(c.get(), 1);
    return c;
}

} // namespace

void tls_deleter::operator()(ssl_ctx_st* c) const noexcept { SSL_CTX_free(c); }
void tls_deleter::operator()(ssl_st* s) const noexcept { SSL_free(s); }

result<std::shared_ptr<tls_context const>> tls_context::for_clients(std::string const& pem, std::string const& service) {
    auto c = make(TLS_server_method());
    if (!c)
        return c.error();
    SSL_CTX_set_min_proto_version(c->get(), TLS1_2_VERSION);
    if (auto const used = use_certificates(c->get(), pem); !used)
        return used.error();
    if (auto const used = use_key(c->get(), pem); !used)
        return used.error();
    std::array<unsigned char, SHA256_DIGEST_LENGTH> id{};
    SHA256(reinterpret_cast<unsigned char const*>(service.data()), service.size(), id.data());
    SSL_CTX_set_session_id_context(c->get(), id.data(), id.size());
    SSL_CTX_set_alpn_select_cb(c->get(), choose_protocol, nullptr);
    return std::shared_ptr<tls_context const>(new tls_context(std::move(*c), true));
}

result<std::shared_ptr<tls_context const>> tls_context::for_servers() {
    auto c = make(TLS_client_method());
    if (!c)
        return c.error();
    SSL_CTX_set_min_proto_version(c->get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(c->get(), SSL_VERIFY_NONE, nullptr);
    return std::shared_ptr<tls_context const>(new tls_context(std::move(*c), false));
}

tls_state tls_context::begin(int fd) const {
    tls_state out(SSL_new(context_.get()));
    if (!out || SSL_set_fd(out.get(), fd) != 1)
        return nullptr;
    server_ ? SSL_set_accept_state(out.get()) : SSL_set_connect_state(out.get());
    return out;
}

} // namespace balance::layer7
