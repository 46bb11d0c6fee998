// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/scripted_server.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace test {

/// A self-signed certificate for one name, with its key; valid for an hour, made anew each time.
class certificate {
public:
    explicit certificate(std::string const& name)
        : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), x509_(X509_new(), X509_free) {
        X509_set_version(x509_.get(), 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x509_.get()), 1);
        X509_gmtime_adj(X509_getm_notBefore(x509_.get()), -60);
        X509_gmtime_adj(X509_getm_notAfter(x509_.get()), 3600);
        X509_set_pubkey(x509_.get(), key_.get());
        auto* const subject = X509_get_subject_name(x509_.get());
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<unsigned char const*>(name.c_str()),
                                   -1, -1, 0);
        X509_set_issuer_name(x509_.get(), subject);
        extend(NID_basic_constraints, "critical,CA:TRUE");
        extend(NID_subject_alt_name, "DNS:" + name);
        if (X509_sign(x509_.get(), key_.get(), EVP_sha256()) == 0)
            throw std::runtime_error("X509_sign failed");
    }

    [[nodiscard]] std::string pem() const {
        std::unique_ptr<BIO, decltype(&BIO_free)> const out(BIO_new(BIO_s_mem()), BIO_free);
        PEM_write_bio_X509(out.get(), x509_.get());
        char* text = nullptr;
        auto const size = BIO_ctrl(out.get(), BIO_CTRL_INFO, 0, &text);
        return {text, static_cast<std::size_t>(size)};
    }

    [[nodiscard]] std::string key_pem() const {
        std::unique_ptr<BIO, decltype(&BIO_free)> const out(BIO_new(BIO_s_mem()), BIO_free);
        PEM_write_bio_PrivateKey(out.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
        char* text = nullptr;
        auto const size = BIO_ctrl(out.get(), BIO_CTRL_INFO, 0, &text);
        return {text, static_cast<std::size_t>(size)};
    }

    void use_in(boost::asio::ssl::context& context) const {
        if (SSL_CTX_use_certificate(context.native_handle(), x509_.get()) != 1 ||
            SSL_CTX_use_PrivateKey(context.native_handle(), key_.get()) != 1)
            throw std::runtime_error("the certificate cannot be used");
    }

private:
    void extend(int what, std::string const& value) {
        std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> const extension(
            X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str()), X509_EXTENSION_free);
        X509_add_ext(x509_.get(), extension.get(), -1);
    }

    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
    std::unique_ptr<X509, decltype(&X509_free)> x509_;
};

/// Answers a request over TLS as `reply` does in clear; what the client asked for is in `*request` and `*server_name`.
inline scripted_server::behaviour reply_over_tls(boost::asio::ssl::context& context, std::string text,
                                                 std::string* request = nullptr, std::string* server_name = nullptr) {
    return [&context, text = std::move(text), request, server_name](tcp::socket& s) -> boost::asio::awaitable<void> {
        boost::asio::ssl::stream<tcp::socket&> tls(s, context);
        auto const [ec] = co_await tls.async_handshake(boost::asio::ssl::stream_base::server, no_throw);
        if (ec) {
            s.close();
            co_return;
        }
        if (server_name != nullptr)
            if (auto const* const name = SSL_get_servername(tls.native_handle(), TLSEXT_NAMETYPE_host_name))
                *server_name = name;
        std::string read;
        auto into = boost::asio::dynamic_buffer(read);
        co_await boost::asio::async_read_until(tls, into, "\r\n\r\n", no_throw);
        if (request != nullptr)
            *request = read;
        co_await boost::asio::async_write(tls, boost::asio::buffer(text), no_throw);
        s.close();
    };
}

} // namespace test
