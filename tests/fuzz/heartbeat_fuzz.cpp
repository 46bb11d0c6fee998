// SPDX-License-Identifier: Apache-2.0
// Whatever arrives on UDP 6694: as it is, and as what a peer that holds the key could seal.
#include "net/openssl_suite.hpp"
#include "wire/own_session.hpp"
#include "wire/session_book.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace {

using namespace cluster;
using namespace cluster::wire;

void insist(bool ok) {
    if (!ok) {
        std::abort();
    }
}

/// A body that is understood is written again and understood as the same.
void round_trip(byte_view body) {
    heartbeat read;
    if (!decode(body, read)) {
        return;
    }
    body_buffer out{};
    auto const size = encode(read, out);
    heartbeat again;
    insist(size <= body.size() && decode(byte_view{out}.first(size), again) && again == read);
}

/// A stranger's datagram is refused and changes nothing that is believed.
void receive_raw(session_book& book, byte_view datagram) {
    auto const before = book.newest();
    auto const v = book.receive(0, datagram, time_point{});
    insist(v.what == verdict::kind::nothing && v.why != reject::none && !book.believes() && book.newest() == before);
}

/// The input as the body of an authentic frame: believed only if it holds the answer to a random challenge.
void receive_sealed(suite& s, session_book& book, byte_view body) {
    session_id id{};
    std::fill(id.begin(), id.end(), std::uint8_t{1});
    frame_header const h{frame_type::heartbeat, node_id::secondary, 0, id, 1};
    auto const clear = encode(h);
    std::array<std::uint8_t, max_frame_size> frame{};
    body = body.first(std::min(body.size(), max_frame_size - header_size - tag_size));
    std::copy(clear.begin(), clear.end(), frame.begin());
    auto const sealer = s.make_cipher();
    sealer->rekey(session_key(s, id, node_id::secondary));
    sealer->seal(nonce_of(h), clear, body, byte_span{frame}.subspan(header_size, body.size() + tag_size));
    auto const v = book.receive(0, byte_view{frame}.first(header_size + body.size() + tag_size), time_point{});
    insist(v.what == verdict::kind::nothing && (v.why == reject::malformed || v.why == reject::unbelieved));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static std::array<std::uint8_t, key::size> const secret{};
    static auto const suite = net::make_openssl_suite(key{secret});
    static session_book book{{node_id::primary, 1, std::chrono::milliseconds{1000}}, *suite, time_point{}};
    byte_view const input{data, size};
    round_trip(input);
    receive_raw(book, input);
    session_book fresh{{node_id::primary, 1, std::chrono::milliseconds{1000}}, *suite, time_point{}};
    receive_sealed(*suite, fresh, input);
    return 0;
}
