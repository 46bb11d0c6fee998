// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls.hpp"

#include "proxy/certificate.hpp"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <string_view>

namespace balance::layer7 {
namespace {

using context = std::unique_ptr<ssl_ctx_st, tls_deleter>;

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

/// Whom clients' certificates may come from.
result<> ask_clients(SSL_CTX* c, std::string const& pem, bool required) {
    auto const count = for_each_certificate(pem, [c](X509* authority) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(c), authority);
        SSL_CTX_add_client_CA(c, authority);
    });
    if (count == 0)
        return make_error(errc::invalid_configuration, "it holds no certificate that could vouch for clients");
    if (has_damaged_revocation_list(pem))
        return make_error(errc::invalid_configuration, "its list of revoked certificates is damaged; put the authority's newest in its place");
    auto const lists = for_each_revocation_list(pem, [c](X509_CRL* one) { X509_STORE_add_crl(SSL_CTX_get_cert_store(c), one); });
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c), X509_V_FLAG_PARTIAL_CHAIN | // an issuing authority alone is enough
                                                           (lists > 0 ? X509_V_FLAG_CRL_CHECK : 0));
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    return {};
}

/// Devices that know nothing newer need TLS 1.0, and signatures that OpenSSL itself no longer allows.
void use_profile(SSL_CTX* c, tls_termination::profile p) {
    using profile = tls_termination::profile;
    SSL_CTX_set_min_proto_version(c, p == profile::modern ? TLS1_3_VERSION : p == profile::old ? TLS1_VERSION : TLS1_2_VERSION);
    if (p == profile::old)
        SSL_CTX_set_cipher_list(c, "ALL:!aNULL:!eNULL:!EXPORT:@SECLEVEL=0");
}

/// For clients that ask whether the certificate was revoked.
int show_response(SSL* s, void* kept) {
    auto const& mine = *static_cast<staple const*>(kept);
    if (std::chrono::system_clock::now() >= mine.until)
        return SSL_TLSEXT_ERR_NOACK;
    auto const size = mine.response.size();
    void* const copy = OPENSSL_memdup(mine.response.data(), size); // the connection frees it
    if (copy == nullptr || SSL_ctrl(s, SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP, static_cast<long>(size), copy) != 1)
        return SSL_TLSEXT_ERR_NOACK;
    return SSL_TLSEXT_ERR_OK;
}

result<context> make(SSL_METHOD const* method) {
    context c(SSL_CTX_new(method));
    if (!c)
        return tls_error("TLS cannot be used");
    SSL_CTX_set_options(c.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // Without the last one OpenSSL looks for a chain anew in each handshake; the chain is what stands in the PEM.
    SSL_CTX_set_mode(c.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(c.get(), 1);
    return c;
}

result<context> make_for_clients(tls_wishes const& w, std::string const& pem) {
    auto c = make(TLS_server_method());
    if (!c)
        return c.error();
    use_profile(c->get(), w.versions);
    if (auto const used = use_certificate(c->get(), pem); !used)
        return used.error();
    if (!w.client_ca.empty())
        if (auto const asked = ask_clients(c->get(), w.client_ca, w.client_required); !asked)
            return asked.error();
    std::array<unsigned char, SHA256_DIGEST_LENGTH> id{};
    SHA256(reinterpret_cast<unsigned char const*>(w.service.data()), w.service.size(), id.data());
    SSL_CTX_set_session_id_context(c->get(), id.data(), id.size());
    SSL_CTX_set_alpn_select_cb(c->get(), choose_protocol, nullptr);
    return c;
}

} // namespace

void tls_deleter::operator()(ssl_ctx_st* c) const noexcept { SSL_CTX_free(c); }
void tls_deleter::operator()(ssl_st* s) const noexcept { SSL_free(s); }

result<std::shared_ptr<tls_context const>> tls_context::for_clients(tls_wishes const& w) {
    std::shared_ptr<tls_context> out;
    for (auto const& pem : w.pems) {
        auto c = make_for_clients(w, pem);
        if (!c)
            return c.error();
        auto* const made = c->get();
        if (!out)
            out.reset(new tls_context(std::move(*c), true));
        else
            out->others_.push_back(std::move(*c));
        out->staple_response(made, pem);
    }
    if (!out)
        return make_error(errc::invalid_configuration, "there is no certificate");
    if (!out->others_.empty()) {
        SSL_CTX_callback_ctrl(out->context_.get(), SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                              reinterpret_cast<void (*)()>(&choose_certificate)); // what the macro does, with an older cast
        SSL_CTX_ctrl(out->context_.get(), SSL_CTRL_SET_TLSEXT_SERVERNAME_ARG, 0, out.get());
    }
    return std::shared_ptr<tls_context const>(std::move(out));
}

/// A response that is out of date or of another certificate is worse for clients than none.
void tls_context::staple_response(ssl_ctx_st* c, std::string const& pem) {
    auto found = read_staple(c, pem);
    if (found.response.empty() || !found.fault.empty())
        return;
    staples_.push_back(std::make_unique<staple const>(std::move(found)));
    SSL_CTX_callback_ctrl(c, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB,
                          reinterpret_cast<void (*)()>(&show_response)); // what the macros do, with an older cast
    SSL_CTX_ctrl(c, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB_ARG, 0, const_cast<staple*>(staples_.back().get()));
}

/// The first certificate serves its own names, and those that no other has.
int tls_context::choose_certificate(ssl_st* s, int*, void* self) {
    auto const* asked = SSL_get_servername(s, TLSEXT_NAMETYPE_host_name);
    if (asked == nullptr)
        return SSL_TLSEXT_ERR_NOACK;
    auto const& mine = *static_cast<tls_context const*>(self);
    if (X509_check_host(SSL_CTX_get0_certificate(mine.context_.get()), asked, 0, 0, nullptr) == 1)
        return SSL_TLSEXT_ERR_OK;
    for (auto const& other : mine.others_)
        if (X509_check_host(SSL_CTX_get0_certificate(other.get()), asked, 0, 0, nullptr) == 1) {
            SSL_set_SSL_CTX(s, other.get());
            return SSL_TLSEXT_ERR_OK;
        }
    return SSL_TLSEXT_ERR_OK;
}

result<std::shared_ptr<tls_context const>> tls_context::for_servers() {
    auto c = make(TLS_client_method());
    if (!c)
        return c.error();
    // Many servers just close; what they sent before is not to be lost for that.
    SSL_CTX_set_options(c->get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
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
