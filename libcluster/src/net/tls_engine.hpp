// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/key.hpp>
#include <cluster/types.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace cluster::net {

/// What a channel is for: each use makes another key of a secret, and names it in its own words.
struct tls_purpose {
    std::string_view salt; ///< of HKDF, also the context of its sessions
    std::string_view info;
    std::string_view identity_prefix; ///< of this version of the derivation; a later one is another key and another prefix
    std::string_view differs_here;    ///< said where the other's key is found to be another one
    std::string_view differs_there;   ///< said by the other
    std::string_view unproven;
    bool names_secret = false; ///< the identity ends with the secret's fingerprint, as there may be two of them
};
extern tls_purpose const replication_purpose;
extern tls_purpose const pairing_purpose;

/// What all connections of one node share: the pre-shared key of the channel and this node's identity. TLS 1.3 alone,
/// external PSK with ephemeral Diffie-Hellman (RFC 8446 §2.2, psk_dhe_ke): no certificates, no dates, no resumption.
class tls_context {
public:
    /// The PSK is HKDF-SHA256 of the secret: the pair's key, or a token. `identity` goes in clear over the wire and is refused when it comes back:
    /// a node does not talk to its own reflection. Errors: `io_error` when OpenSSL lacks what is needed.
    static result<std::unique_ptr<tls_context>> make(key_pair const& secret, std::string identity,
                                                     tls_purpose const& purpose = replication_purpose);
    ~tls_context();

    /// Replaces the secrets for handshakes to come: the first is offered, both are accepted.
    void set_keys(key_pair const& k);
    tls_context(tls_context const&) = delete;
    tls_context& operator=(tls_context const&) = delete;

    struct impl; ///< net/tls_context.hpp

private:
    friend class tls_engine;
    explicit tls_context(std::unique_ptr<impl> i) noexcept;
    std::unique_ptr<impl> impl_;
};

/// One TLS connection without a socket: bytes of the network go in and come out, and plain ones. The context must outlive it.
class tls_engine {
public:
    enum class role : std::uint8_t { client, server };

    tls_engine(tls_context& context, role r);
    ~tls_engine();
    tls_engine(tls_engine const&) = delete;
    tls_engine& operator=(tls_engine const&) = delete;

    /// Bytes from the network. Errors as `read`.
    result<> feed(std::string_view sealed);
    /// True once both sides have proved that they hold the key.
    [[nodiscard]] bool established() const noexcept { return established_; }
    /// Appends what arrived in plain to `out`; true when the peer has ended the connection in order.
    /// Errors: `protocol_error` saying why, `not_permitted` when the keys differ.
    result<bool> read(std::string& out);
    /// Encrypts; only when established.
    result<> write(std::string_view plain);
    /// Fingerprint of the secret that the handshake used; 0 before.
    [[nodiscard]] std::uint64_t key_fingerprint() const noexcept;
    /// Tells the peer that nothing more will come.
    void finish();
    /// Moves the bytes for the network to the end of `out`.
    void take_output(std::string& out);

    /// Calls of `write` after which fresh traffic keys are made: far below the 2^24.5 records that AES-GCM is good for
    /// (RFC 8446 §5.5), as one call of at most 16 KiB is one record.
    static constexpr std::uint32_t writes_per_key = 1u << 18;
    /// How often that happened.
    [[nodiscard]] std::uint32_t key_updates() const noexcept { return key_updates_; }

private:
    result<> shake_hands();
    [[nodiscard]] error failure(int code) const;

    struct impl;
    std::unique_ptr<impl> impl_;
    tls_purpose const* purpose_;
    role role_;
    bool established_ = false;
    std::uint32_t writes_ = 0;
    std::uint32_t key_updates_ = 0;
};

} // namespace cluster::net
