// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <memory>
#include <string>

struct ssl_ctx_st;
struct ssl_st;

namespace balance::layer7 {

struct tls_deleter {
    void operator()(ssl_ctx_st* c) const noexcept;
    void operator()(ssl_st* s) const noexcept;
};
/// The TLS of one connection; null: it is in clear.
using tls_state = std::unique_ptr<ssl_st, tls_deleter>;

/// What the connections of a service have in common: certificate, versions, sessions to resume. Shared by all threads.
class tls_context {
public:
    /// Towards clients. `pem`: the certificate, the chain behind it, and the private key, in any order; `service`: sessions
    /// are resumed with this one alone. TLS 1.2 and 1.3; no renegotiation, no early data. Errors: `invalid_configuration`.
    static result<std::shared_ptr<tls_context const>> for_clients(std::string const& pem, std::string const& service);
    /// Towards real servers, whose certificates are not verified: they are on our side of the network.
    static result<std::shared_ptr<tls_context const>> for_servers();

    /// For a connected or accepted socket. Null when there is no memory.
    [[nodiscard]] tls_state begin(int fd) const;

private:
    explicit tls_context(std::unique_ptr<ssl_ctx_st, tls_deleter> c, bool server)
        : context_(std::move(c)), server_(server) {}

    std::unique_ptr<ssl_ctx_st, tls_deleter> context_;
    bool server_;
};

} // namespace balance::layer7
