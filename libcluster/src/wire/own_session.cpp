// SPDX-License-Identifier: Apache-2.0
#include "wire/own_session.hpp"

#include <algorithm>
#include <string_view>

namespace cluster::wire {

cipher_key session_key(suite& s, session_id const& session, node_id sender) {
    constexpr std::string_view purpose = "dyad heartbeat 1";
    std::array<std::uint8_t, purpose.size() + 1> info{};
    std::copy(purpose.begin(), purpose.end(), info.begin());
    info.back() = static_cast<std::uint8_t>(sender);
    return s.derive(session, info);
}

own_session::own_session(suite& s, node_id self) : self_(self), cipher_(s.make_cipher()) {
    s.random(id_);
    cipher_->rekey(session_key(s, id_, self_));
}

frame_header own_session::header(frame_type type, std::size_t link, std::uint64_t counter) const noexcept {
    return {.type = type, .sender = self_, .link = static_cast<std::uint8_t>(link), .session = id_, .counter = counter};
}

std::size_t own_session::seal(std::size_t link, heartbeat& h, frame_buffer& out) {
    h.link_sequence = ++sequence_[link];
    auto const size = encode(h, body_);
    auto const head = header(frame_type::heartbeat, link, ++counter_);
    auto const clear = encode(head);
    std::copy(clear.begin(), clear.end(), out.begin());
    cipher_->seal(nonce_of(head), clear, byte_view{body_}.first(size),
                  byte_span{out}.subspan(header_size, size + tag_size));
    return header_size + size + tag_size;
}

std::vector<std::uint8_t> own_session::goodbye(std::size_t link) {
    auto const head = header(frame_type::goodbye, link, link);
    auto const clear = encode(head);
    std::vector<std::uint8_t> out(header_size + tag_size);
    std::copy(clear.begin(), clear.end(), out.begin());
    cipher_->seal(nonce_of(head), clear, {}, byte_span{out}.subspan(header_size));
    return out;
}

} // namespace cluster::wire
