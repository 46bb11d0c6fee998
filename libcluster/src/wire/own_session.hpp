// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/heartbeat.hpp"

#include <array>
#include <memory>
#include <vector>

namespace cluster::wire {

/// The key of one session in the direction from `sender`.
[[nodiscard]] cipher_key session_key(suite& s, session_id const& session, node_id sender);

/// The goodbye of a session for one link, as the secret in `s` seals it. Always the same bytes.
[[nodiscard]] std::vector<std::uint8_t> sealed_goodbye(suite& s, session_id const& session, node_id sender,
                                                       std::size_t link);

/// This node's life as its peer sees it: a random session id, a key derived from it and a counter. Seals what is sent.
class own_session {
public:
    using frame_buffer = std::array<std::uint8_t, header_size + max_body_size + tag_size>;

    own_session(suite& s, node_id self);

    /// Seals a heartbeat for one link, filling in the link's sequence; returns its size in `out`.
    std::size_t seal(std::size_t link, heartbeat& h, frame_buffer& out);

    /// The goodbye for one link. Always the same bytes, so that it can be sealed long before it is sent, and sent
    /// again.
    [[nodiscard]] std::vector<std::uint8_t> goodbye(std::size_t link);

    /// Seals with the key that follows from another secret from now on; session and numbering go on.
    void use(suite& s);

    [[nodiscard]] session_id const& id() const noexcept { return id_; }

private:
    frame_header header(frame_type type, std::size_t link, std::uint64_t counter) const noexcept;

    node_id self_;
    session_id id_{};
    std::unique_ptr<cipher> cipher_;
    std::uint64_t counter_ = 0;
    std::array<std::uint32_t, max_links> sequence_{};
    body_buffer body_{};
};

} // namespace cluster::wire
