// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/frame.hpp"

#include <array>
#include <memory>
#include <optional>
#include <span>

namespace cluster::wire {

/// A pair has one secret, and two while one replaces the other (docs/PROTOCOL.md, "Replacing the key").
inline constexpr std::size_t max_secrets = 2;

/// Opens the frames of one session of the peer, whichever of the accepted secrets they were sealed with.
class peer_cipher {
public:
    /// Derives the session's keys from each of `secrets`, which are at most `max_secrets`.
    void rekey(std::span<suite* const> secrets, session_id const& session, node_id sender);

    /// Which of the secrets opens it, by its place among them; nothing: none. `plain` as for `cipher::open`.
    [[nodiscard]] std::optional<std::size_t> open(nonce const& n, byte_view associated, byte_view sealed,
                                                  byte_span plain);

private:
    std::array<std::unique_ptr<cipher>, max_secrets> ciphers_;
    std::size_t count_ = 0;
    std::size_t likely_ = 0; ///< opened the frame before
};

} // namespace cluster::wire
