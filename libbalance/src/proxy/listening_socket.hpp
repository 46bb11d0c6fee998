// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>

#include <sys/socket.h>

#include <memory>

namespace balance::layer7 {

/// A socket that listens; closed when the last thread that accepts on it lets go.
class listening_socket {
public:
    /// Takes over a descriptor that is bound and listens.
    listening_socket(endpoint local, int descriptor) noexcept;
    ~listening_socket();
    listening_socket(listening_socket const&) = delete;
    listening_socket& operator=(listening_socket const&) = delete;

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    [[nodiscard]] endpoint const& local() const noexcept { return local_; }

private:
    endpoint local_;
    int descriptor_;
};

/// Binds, also to an address that is not here yet, and listens. Errors name the address, the reason and the remedy.
[[nodiscard]] result<std::shared_ptr<listening_socket>> listen_on(endpoint const& local);

/// Between our addresses and the kernel's.
[[nodiscard]] socklen_t to_sockaddr(endpoint const& e, sockaddr_storage& out) noexcept;
[[nodiscard]] endpoint to_endpoint(sockaddr_storage const& from) noexcept;

} // namespace balance::layer7
