// SPDX-License-Identifier: Apache-2.0
#include "wire/own_session.hpp"

#include <algorithm>
#include <string_view>

namespace cluster::wire {
namespace {

std::vector<std::uint8_t> goodbye_frame(cipher& c, frame_header const& head) {
    auto const clear = encode(head);
    std::vector<std::uint8_t> out(header_size + tag_size);
    std::copy(clear.begin(), clear.end(), out.begin());
    c.seal(nonce_of(head), clear, {}, byte_span{out}.subspan(header_size));
    return out;
}

} // namespace

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
    return goodbye_frame(*cipher_, header(frame_type::goodbye, link, link));
}

void own_session::use(suite& s) { cipher_->rekey(session_key(s, id_, self_)); }

std::vector<std::uint8_t> sealed_goodbye(suite& s, session_id const& session, node_id sender, std::size_t link) {
    auto const c = s.make_cipher();
    c->rekey(session_key(s, session, sender));
    return goodbye_frame(*c, {.type = frame_type::goodbye,
                              .sender = sender,
                              .link = static_cast<std::uint8_t>(link),
                              .session = session,
                              .counter = link});
}

} // namespace cluster::wire
