// SPDX-License-Identifier: Apache-2.0
#include "probe/tls_contexts.hpp"

#include <openssl/ssl.h>

namespace balance::probe {

namespace ssl = boost::asio::ssl;

namespace {

void make_strict(ssl::context& context) {
    boost::system::error_code ignored; // without a store every certificate is refused, and the check says so
    context.set_default_verify_paths(ignored);
    context.set_verify_mode(ssl::verify_peer);
}

void make_lenient(ssl::context& context) {
    context.set_verify_mode(ssl::verify_none);
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_VERSION);
    SSL_CTX_set_cipher_list(context.native_handle(), "ALL:@SECLEVEL=0");
    SSL_CTX_set_options(context.native_handle(), SSL_OP_LEGACY_SERVER_CONNECT);
}

} // namespace

ssl::context& tls_contexts::get(bool verify) {
    auto& context = verify ? strict_ : lenient_;
    if (!context) {
        context.emplace(ssl::context::tls_client);
        verify ? make_strict(*context) : make_lenient(*context);
    }
    return *context;
}

} // namespace balance::probe
