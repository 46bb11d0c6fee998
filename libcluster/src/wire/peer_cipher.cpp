// SPDX-License-Identifier: Apache-2.0
#include "wire/peer_cipher.hpp"

#include "wire/own_session.hpp"

namespace cluster::wire {

void peer_cipher::rekey(std::span<suite* const> secrets, session_id const& session, node_id sender) {
    count_ = secrets.size();
    likely_ = 0;
    for (std::size_t i = 0; i < count_; ++i) {
        ciphers_[i] = ciphers_[i] ? std::move(ciphers_[i]) : secrets[i]->make_cipher();
        ciphers_[i]->rekey(session_key(*secrets[i], session, sender));
    }
    for (std::size_t i = count_; i < max_secrets; ++i) {
        ciphers_[i].reset(); // a secret that is not accepted any more leaves nothing behind
    }
}

std::optional<std::size_t> peer_cipher::open(nonce const& n, byte_view associated, byte_view sealed, byte_span plain) {
    for (std::size_t i = 0; i < count_; ++i) {
        auto const at = (likely_ + i) % count_;
        if (ciphers_[at]->open(n, associated, sealed, plain)) {
            likely_ = at;
            return at;
        }
    }
    return std::nullopt;
}

} // namespace cluster::wire
