// SPDX-License-Identifier: Apache-2.0
// What the heartbeat protocol needs of cryptography, handed in so that this folder stays pure.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace cluster::wire {

using byte_view = std::span<std::uint8_t const>;
using byte_span = std::span<std::uint8_t>;

inline constexpr std::size_t cipher_key_size = 32;
inline constexpr std::size_t nonce_size = 12;
inline constexpr std::size_t tag_size = 16;

using cipher_key = std::array<std::uint8_t, cipher_key_size>;
using nonce = std::array<std::uint8_t, nonce_size>;

/// ChaCha20-Poly1305 (RFC 8439) with a key of its own. Not thread-safe.
class cipher {
public:
    virtual ~cipher() = default;

    /// Replaces the key.
    virtual void rekey(cipher_key const& key) = 0;
    /// Encrypts `plain` into `sealed`, which holds `tag_size` bytes more; the tag comes last.
    virtual void seal(nonce const& n, byte_view associated, byte_view plain, byte_span sealed) = 0;
    /// The reverse; `plain` holds `sealed.size() - tag_size` bytes. False when anything was changed: `plain` is then
    /// meaningless.
    [[nodiscard]] virtual bool open(nonce const& n, byte_view associated, byte_view sealed, byte_span plain) = 0;
};

/// Ciphers, key derivation and randomness of one pair. Holds the pair's key so that nobody else has to.
class suite {
public:
    virtual ~suite() = default;

    [[nodiscard]] virtual std::unique_ptr<cipher> make_cipher() = 0;
    /// HKDF-SHA256 (RFC 5869) of the pair's key.
    [[nodiscard]] virtual cipher_key derive(byte_view salt, byte_view info) = 0;
    virtual void random(byte_span out) = 0;
};

} // namespace cluster::wire
