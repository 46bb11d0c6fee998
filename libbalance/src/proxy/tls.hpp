// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/certificate.hpp"

#include <balance/certificate.hpp>
#include <balance/error.hpp>
#include <balance/service.hpp>

#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace balance::layer7 {

struct tls_deleter {
    void operator()(ssl_ctx_st* c) const noexcept;
    void operator()(ssl_st* s) const noexcept;
};
/// The TLS of one connection; null: it is in clear.
using tls_state = std::unique_ptr<ssl_st, tls_deleter>;

/// How a service meets its clients.
struct tls_wishes {
    std::string service;           ///< sessions are resumed with this one alone
    std::vector<std::string> pems; ///< certificate, chain and key of each name; see `read_certificate`
    tls_termination::profile versions = tls_termination::profile::standard;
    std::string client_ca; ///< PEM of those who may vouch for clients; empty: clients are not asked
    bool client_required = false;

    bool operator==(tls_wishes const&) const = default;
};

/// What the connections of a service have in common: certificate, versions, sessions to resume. Shared by all threads.
class tls_context {
public:
    /// Towards clients; no renegotiation, no early data. Errors: `invalid_configuration`.
    static result<std::shared_ptr<tls_context const>> for_clients(tls_wishes const& w);
    /// Towards real servers, whose certificates are not verified: they are on our side of the network.
    static result<std::shared_ptr<tls_context const>> for_servers();

    /// For a connected or accepted socket. Null when there is no memory.
    [[nodiscard]] tls_state begin(int fd) const;

private:
    using owned = std::unique_ptr<ssl_ctx_st, tls_deleter>;

    explicit tls_context(owned c, bool server) : context_(std::move(c)), server_(server) {}
    void staple_response(ssl_ctx_st* c, std::string const& pem);
    static int choose_certificate(ssl_st* s, int* alert, void* self);

    owned context_;
    std::vector<owned> others_; ///< for names that are not the first certificate's
    std::vector<std::unique_ptr<staple const>> staples_; ///< contexts point to them
    bool server_;
};

} // namespace balance::layer7
