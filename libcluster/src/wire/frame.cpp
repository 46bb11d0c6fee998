// SPDX-License-Identifier: Apache-2.0
#include "wire/frame.hpp"

#include "wire/byte_order.hpp"
#include "wire/heartbeat.hpp"

#include <algorithm>

namespace cluster::wire {
namespace {

constexpr std::array<std::uint8_t, 3> magic{'D', 'H', 'B'};
constexpr std::size_t magic_at = 1;
constexpr std::size_t type_at = 4;

} // namespace

std::string_view to_string(reject r) noexcept {
    constexpr std::array<std::string_view, reject_count> names{
        "none",     "truncated", "malformed",   "other version", "reflected", "wrong link",  "forged",
        "replayed", "stale",     "old session", "unbelieved",    "throttled", "wrong source"};
    auto const i = static_cast<std::size_t>(r);
    return i < names.size() ? names[i] : "unknown";
}

header_bytes encode(frame_header const& h) noexcept {
    header_bytes out{};
    out[0] = protocol_version;
    std::copy(magic.begin(), magic.end(), out.begin() + magic_at);
    std::uint8_t* at = out.data() + type_at;
    *at++ = static_cast<std::uint8_t>(h.type);
    *at++ = static_cast<std::uint8_t>(h.sender);
    *at++ = h.link;
    *at++ = 0;
    at = std::copy(h.session.begin(), h.session.end(), at);
    put(at, h.counter);
    return out;
}

reject decode(byte_view datagram, frame_header& out) noexcept {
    if (datagram.size() < header_size + tag_size || datagram.size() > max_frame_size) {
        return reject::truncated;
    }
    if (!std::equal(magic.begin(), magic.end(), datagram.begin() + magic_at)) {
        return reject::malformed;
    }
    if (datagram[0] != protocol_version) {
        return reject::other_version;
    }
    std::uint8_t const* at = datagram.data() + type_at;
    auto const type = *at++;
    auto const sender = *at++;
    out.link = *at++;
    auto const reserved = *at++;
    if (type < 1 || type > 2 || sender < 1 || sender > 2 || out.link >= max_links || reserved != 0) {
        return reject::malformed;
    }
    out.type = frame_type{type};
    out.sender = node_id{sender};
    std::copy_n(at, out.session.size(), out.session.begin());
    at += out.session.size();
    out.counter = take<std::uint64_t>(at);
    return reject::none;
}

nonce nonce_of(frame_header const& h) noexcept {
    nonce out{};
    put(put(out.data(), static_cast<std::uint32_t>(h.type)), h.counter);
    return out;
}

} // namespace cluster::wire
