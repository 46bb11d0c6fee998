// SPDX-License-Identifier: Apache-2.0
#include "net/tls_engine.hpp"

#include "net/tls_context.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <climits>
#include <utility>

namespace cluster::net {

struct tls_engine::impl {
    struct free_ssl {
        void operator()(SSL* s) const noexcept { SSL_free(s); }
    };
    std::unique_ptr<SSL, free_ssl> ssl;
    std::uint64_t fingerprint = 0; ///< of the secret, as the context's callbacks find it
    BIO* in = nullptr;  // both owned by `ssl`
    BIO* out = nullptr;
};

tls_engine::tls_engine(tls_context& context, role r) : impl_(std::make_unique<impl>()), purpose_(context.impl_->purpose), role_(r) {
    impl_->ssl.reset(SSL_new(context.impl_->context.get()));
    impl_->in = BIO_new(BIO_s_mem());
    impl_->out = BIO_new(BIO_s_mem());
    if (!impl_->ssl || !impl_->in || !impl_->out)
        throw std::bad_alloc();
    SSL_set_app_data(impl_->ssl.get(), &impl_->fingerprint);
    SSL_set_bio(impl_->ssl.get(), impl_->in, impl_->out);
    if (r == role::server) {
        SSL_set_accept_state(impl_->ssl.get());
        return;
    }
    SSL_set_connect_state(impl_->ssl.get());
    (void)shake_hands(); // makes the first flight; nothing can be wrong before the peer has spoken
}

tls_engine::~tls_engine() { ERR_clear_error(); }

std::uint64_t tls_engine::key_fingerprint() const noexcept { return impl_->fingerprint; }

error tls_engine::failure(int code) const {
    using balance::errc;
    auto const number = ERR_peek_error();
    auto const reason = ERR_GET_REASON(number);
    char const* const words = ERR_reason_error_string(number);
    std::string const text = words ? words : "no reason given";
    ERR_clear_error();
    if (code == SSL_ERROR_SYSCALL)
        return balance::make_error(errc::protocol_error, "the connection ended in the middle of TLS");
    if (established_)
        return balance::make_error(errc::protocol_error, "TLS failed: " + text);
    if (role_ == role::server && reason == SSL_R_BINDER_DOES_NOT_VERIFY)
        return balance::make_error(errc::not_permitted, std::string(purpose_->differs_here));
    if (role_ == role::client &&
        (reason == SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER || reason == SSL_R_TLSV1_ALERT_DECRYPT_ERROR))
        return balance::make_error(errc::not_permitted, std::string(purpose_->differs_there));
    return balance::make_error(errc::protocol_error, "the TLS handshake failed: " + text +
                                                         "; is it dyad that listens and connects there, in a version like ours?");
}

result<> tls_engine::shake_hands() {
    ERR_clear_error();
    auto const n = SSL_do_handshake(impl_->ssl.get());
    if (n == 1) {
        // The PSK counts as resumption; without it nobody was authenticated.
        if (SSL_session_reused(impl_->ssl.get()) != 1)
            return balance::make_error(balance::errc::not_permitted, std::string(purpose_->unproven));
        established_ = true;
        return {};
    }
    auto const code = SSL_get_error(impl_->ssl.get(), n);
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)
        return {};
    return failure(code);
}

result<> tls_engine::feed(std::string_view sealed) {
    while (!sealed.empty()) {
        auto const n = BIO_write(impl_->in, sealed.data(), static_cast<int>(std::min<std::size_t>(sealed.size(), INT_MAX)));
        if (n <= 0)
            throw std::bad_alloc();
        sealed.remove_prefix(static_cast<std::size_t>(n));
    }
    if (!established_)
        return shake_hands();
    return {};
}

result<bool> tls_engine::read(std::string& out) {
    if (!established_)
        return false;
    std::array<char, 16384> chunk;
    for (;;) {
        ERR_clear_error();
        auto const n = SSL_read(impl_->ssl.get(), chunk.data(), static_cast<int>(chunk.size()));
        if (n > 0) {
            out.append(chunk.data(), static_cast<std::size_t>(n));
            continue;
        }
        auto const code = SSL_get_error(impl_->ssl.get(), n);
        if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)
            return false;
        if (code == SSL_ERROR_ZERO_RETURN)
            return true;
        return failure(code);
    }
}

result<> tls_engine::write(std::string_view plain) {
    if (++writes_ % writes_per_key == 0 && SSL_key_update(impl_->ssl.get(), SSL_KEY_UPDATE_REQUESTED) == 1)
        ++key_updates_;
    while (!plain.empty()) {
        ERR_clear_error();
        auto const n = SSL_write(impl_->ssl.get(), plain.data(), static_cast<int>(std::min<std::size_t>(plain.size(), 16384)));
        if (n <= 0)
            return failure(SSL_get_error(impl_->ssl.get(), n)); // a memory BIO never makes it wait
        plain.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

void tls_engine::finish() {
    if (established_)
        (void)SSL_shutdown(impl_->ssl.get());
    ERR_clear_error();
}

void tls_engine::take_output(std::string& out) {
    char* bytes = nullptr;
    auto const n = BIO_get_mem_data(impl_->out, &bytes);
    if (n > 0)
        out.append(bytes, static_cast<std::size_t>(n));
    (void)BIO_reset(impl_->out);
}

} // namespace cluster::net
