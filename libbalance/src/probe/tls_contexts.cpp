// SPDX-License-Identifier: Apache-2.0
#include "probe/tls_contexts.hpp"

#include <openssl/ssl.h>

namespace balance::probe {

namespace ssl = boost::asio::ssl;

tls_contexts::tls_contexts() : strict_(ssl::context::tls_client), lenient_(ssl::context::tls_client) {
    boost::system::error_code ignored; // without a store every certificate is refused, and the check says so
    strict_.set_default_verify_paths(ignored);
    strict_.set_verify_mode(ssl::verify_peer);

    lenient_.set_verify_mode(ssl::verify_none);
    SSL_CTX_set_min_proto_version(lenient_.native_handle(), TLS1_VERSION);
    SSL_CTX_set_cipher_list(lenient_.native_handle(), "ALL:@SECLEVEL=0");
    SSL_CTX_set_options(lenient_.native_handle(), SSL_OP_LEGACY_SERVER_CONNECT);
}

} // namespace balance::probe
