// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/cipher.hpp"

#include <cluster/key.hpp>

#include <memory>

namespace cluster::net {

/// The ciphers of the heartbeat protocol by OpenSSL, with the pair's key in it. One thread at a time.
[[nodiscard]] std::unique_ptr<wire::suite> make_openssl_suite(key const& pair_key);

} // namespace cluster::net
