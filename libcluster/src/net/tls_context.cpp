// SPDX-License-Identifier: Apache-2.0
#include "net/tls_context.hpp"

#include "net/openssl_suite.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <string_view>
#include <utility>

namespace cluster::net {
namespace {

constexpr unsigned char aes_256_gcm_sha384[] = {0x13, 0x02}; // RFC 8446 §B.4

wire::byte_view bytes_of(std::string_view text) {
    return {reinterpret_cast<std::uint8_t const*>(text.data()), text.size()};
}

std::string fingerprint_text(std::uint64_t fingerprint) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016" PRIx64, fingerprint);
    return text.data();
}

tls_context::impl& of(SSL* ssl) { return *static_cast<tls_context::impl*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl))); }

/// The external PSK in the form in which OpenSSL wants it: a session that never was.
SSL_SESSION* session(SSL* ssl, tls_context::impl::offer const& offered) {
    auto const& own = of(ssl);
    auto* made = SSL_SESSION_new();
    auto const* cipher = SSL_CIPHER_find(ssl, aes_256_gcm_sha384);
    if (made && cipher && SSL_SESSION_set1_master_key(made, offered.psk.data(), offered.psk.size()) == 1 &&
        SSL_SESSION_set_cipher(made, cipher) == 1 && SSL_SESSION_set_protocol_version(made, TLS1_3_VERSION) == 1 &&
        SSL_SESSION_set1_id_context(made, bytes_of(own.purpose->salt).data(),
                                    static_cast<unsigned>(own.purpose->salt.size())) == 1) {
        *static_cast<std::uint64_t*>(SSL_get_app_data(ssl)) = offered.fingerprint;
        return made;
    }
    SSL_SESSION_free(made);
    return nullptr;
}

extern "C" int dyad_use_psk(SSL* ssl, EVP_MD const* digest, unsigned char const** id, std::size_t* id_size,
                            SSL_SESSION** out) {
    *out = nullptr;
    if (digest && !EVP_MD_is_a(digest, "SHA384"))
        return 1; // a hash that our cipher does not have: no PSK, and so no connection
    auto const& offered = of(ssl).offers.front();
    *out = session(ssl, offered);
    *id = reinterpret_cast<unsigned char const*>(offered.identity.data()); // copied at once
    *id_size = offered.identity.size();
    return *out ? 1 : 0;
}

/// The secret that an identity names. A peer of an earlier release names none, and one that we do not know gets the first: the
/// binder then says that the secrets differ.
tls_context::impl::offer const& named(tls_context::impl const& own, std::string_view identity) {
    auto const same_end = [identity](tls_context::impl::offer const& o) {
        return identity.ends_with(' ' + fingerprint_text(o.fingerprint));
    };
    auto const found = std::find_if(own.offers.begin(), own.offers.end(), same_end);
    return found == own.offers.end() ? own.offers.front() : *found;
}

extern "C" int dyad_find_psk(SSL* ssl, unsigned char const* id, std::size_t id_size, SSL_SESSION** out) {
    *out = nullptr;
    std::string_view const identity(reinterpret_cast<char const*>(id), id_size);
    auto const& own = of(ssl);
    if (!identity.starts_with(own.purpose->identity_prefix) || identity == own.identity ||
        identity.starts_with(own.identity + ' '))
        return 1; // unknown: the handshake fails for want of anything else to authenticate with
    *out = session(ssl, named(own, identity));
    return *out ? 1 : 0;
}

/// There are no certificates; a peer that shows one is not the peer.
extern "C" int dyad_refuse_certificate(X509_STORE_CTX*, void*) { return 0; }

bool configure(SSL_CTX* c, std::string_view context) {
    SSL_CTX_set_psk_use_session_callback(c, &dyad_use_psk);
    SSL_CTX_set_psk_find_session_callback(c, &dyad_find_psk);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(c, &dyad_refuse_certificate, nullptr);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    return SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) == 1 && SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(c, "TLS_AES_256_GCM_SHA384") == 1 && SSL_CTX_set1_groups_list(c, "X25519") == 1 &&
           SSL_CTX_set_num_tickets(c, 0) == 1 &&
           SSL_CTX_set_session_id_context(c, bytes_of(context).data(), static_cast<unsigned>(context.size())) == 1;
}

} // namespace

// The salts make the keys of the channels different ones from those of the heartbeats, which come from the same secret.
tls_purpose const replication_purpose{"dyad replication 1",
                                      "tls 1.3 psk",
                                      "dyad-replication/1 ",
                                      "the peer has another cluster.key; copy the file from one node to the other",
                                      "the peer refuses our cluster.key; copy the file from one node to the other",
                                      "the peer did not prove that it has the cluster.key", true};
tls_purpose const pairing_purpose{"dyad pairing 1",
                                  "tls 1.3 psk",
                                  "dyad-pairing/1 ",
                                  "the token is wrong",
                                  "the token is wrong; type it as `dyad pair-token` showed it on the other node",
                                  "the other node did not prove that it knows the token"};

tls_context::impl::offer::~offer() { OPENSSL_cleanse(psk.data(), psk.size()); }

tls_context::tls_context(std::unique_ptr<impl> i) noexcept : impl_(std::move(i)) {}
tls_context::~tls_context() = default;

result<std::unique_ptr<tls_context>> tls_context::make(key_pair const& secret, std::string identity,
                                                       tls_purpose const& purpose) {
    auto made = std::make_unique<impl>();
    made->purpose = &purpose;
    made->identity = std::string(purpose.identity_prefix) + identity;
    made->context.reset(SSL_CTX_new(TLS_method()));
    bool const ok = made->context && configure(made->context.get(), purpose.salt);
    ERR_clear_error();
    if (!ok)
        return balance::make_error(balance::errc::io_error, "OpenSSL refuses TLS 1.3 with TLS_AES_256_GCM_SHA384 and X25519; "
                                                            "allow them in the system's openssl.cnf");
    SSL_CTX_set_app_data(made->context.get(), made.get());
    auto context = std::unique_ptr<tls_context>(new tls_context(std::move(made)));
    context->set_keys(secret);
    return context;
}

void tls_context::set_keys(key_pair const& k) {
    auto const& purpose = *impl_->purpose;
    impl_->offers.clear();
    impl_->offers.reserve(2);
    auto const add = [&](key const& secret) {
        auto& offered = impl_->offers.emplace_back();
        offered.psk = make_openssl_suite(secret)->derive(bytes_of(purpose.salt), bytes_of(purpose.info));
        offered.fingerprint = secret.fingerprint();
        offered.identity = impl_->identity;
        if (purpose.names_secret)
            offered.identity += ' ' + fingerprint_text(offered.fingerprint);
    };
    add(k.sending);
    if (k.other)
        add(*k.other);
}

} // namespace cluster::net
