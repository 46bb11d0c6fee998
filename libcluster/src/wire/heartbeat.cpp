// SPDX-License-Identifier: Apache-2.0
#include "wire/heartbeat.hpp"

#include "wire/byte_order.hpp"

#include <algorithm>

namespace cluster::wire {
namespace {

namespace flag {
constexpr unsigned maintenance = 1;
constexpr unsigned ready = 2;
constexpr unsigned service_ok = 4;
constexpr unsigned synchronised = 8;
constexpr unsigned offered = 16;
constexpr unsigned unsteady = 32;
} // namespace flag

std::uint8_t flags_of(node_report const& r) noexcept {
    unsigned f = 0;
    f |= r.maintenance ? flag::maintenance : 0u;
    f |= r.ready ? flag::ready : 0u;
    f |= r.service_ok ? flag::service_ok : 0u;
    f |= r.synchronised ? flag::synchronised : 0u;
    f |= r.offered ? flag::offered : 0u;
    f |= r.unsteady ? flag::unsteady : 0u;
    return static_cast<std::uint8_t>(f);
}

std::uint8_t* put(std::uint8_t* at, node_report const& r) noexcept {
    at = wire::put(at, r.epoch.counter);
    *at++ = static_cast<std::uint8_t>(r.epoch.owner);
    *at++ = static_cast<std::uint8_t>(r.state);
    *at++ = flags_of(r);
    *at++ = r.pings_answering;
    *at++ = r.pings_configured;
    *at++ = r.refusal;
    at = wire::put(at, r.takeover_request);
    return wire::put(at, r.takeover_answer);
}

bool take_report(std::uint8_t const*& at, node_report& r) noexcept {
    r.epoch.counter = take<std::uint64_t>(at);
    auto const owner = *at++;
    auto const state = *at++;
    auto const flags = *at++;
    r.pings_answering = *at++;
    r.pings_configured = *at++;
    r.refusal = *at++;
    r.takeover_request = take<std::uint32_t>(at);
    r.takeover_answer = take<std::uint32_t>(at);
    if (owner > static_cast<std::uint8_t>(node_id::secondary) ||
        state > static_cast<std::uint8_t>(node_state::stopped)) {
        return false;
    }
    r.epoch.owner = node_id{owner};
    r.state = node_state{state};
    r.maintenance = (flags & flag::maintenance) != 0;
    r.ready = (flags & flag::ready) != 0;
    r.service_ok = (flags & flag::service_ok) != 0;
    r.synchronised = (flags & flag::synchronised) != 0;
    r.offered = (flags & flag::offered) != 0;
    r.unsteady = (flags & flag::unsteady) != 0;
    return true;
}

template <std::size_t N>
void take_bytes(std::uint8_t const*& at, std::array<std::uint8_t, N>& out) noexcept {
    std::copy_n(at, N, out.begin());
    at += N;
}

bool printable(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) {
        auto const u = static_cast<unsigned char>(c);
        return u >= 0x20 && u != 0x7f;
    });
}

} // namespace

node_name::node_name(std::string_view text) noexcept {
    text = text.substr(0, max_size);
    std::copy(text.begin(), text.end(), text_.begin());
    size_ = static_cast<std::uint8_t>(text.size());
}

std::size_t encode(heartbeat const& h, body_buffer& out) noexcept {
    std::uint8_t* at = put(out.data(), h.report);
    at = put(at, h.config.term);
    at = put(at, h.config.generation);
    at = std::copy(h.config_hash.begin(), h.config_hash.end(), at);
    at = std::copy(h.asked.begin(), h.asked.end(), at);
    at = std::copy(h.answered.begin(), h.answered.end(), at);
    at = put(at, h.uptime_ms);
    at = put(at, h.link_sequence);
    std::size_t const links = std::min<std::size_t>(h.links, max_links);
    *at++ = static_cast<std::uint8_t>(links);
    for (std::size_t i = 0; i < links; ++i) {
        at = put(put(at, h.hearing[i].counter), h.hearing[i].age_ms);
    }
    auto const name = h.name.view();
    *at++ = static_cast<std::uint8_t>(name.size());
    at = std::copy(name.begin(), name.end(), at);
    return static_cast<std::size_t>(at - out.data());
}

bool decode(byte_view body, heartbeat& out) noexcept {
    if (body.size() < heartbeat_fixed_size + 1) {
        return false;
    }
    std::uint8_t const* at = body.data();
    std::uint8_t const* const end = at + body.size();
    if (!take_report(at, out.report)) {
        return false;
    }
    out.config.term = take<std::uint32_t>(at);
    out.config.generation = take<std::uint64_t>(at);
    take_bytes(at, out.config_hash);
    take_bytes(at, out.asked);
    take_bytes(at, out.answered);
    out.uptime_ms = take<std::uint64_t>(at);
    out.link_sequence = take<std::uint32_t>(at);
    out.links = *at++;
    if (out.links > max_links || end - at < std::ptrdiff_t{out.links} * 12 + 1) {
        return false;
    }
    out.hearing.fill({});
    for (std::size_t i = 0; i < out.links; ++i) {
        out.hearing[i].counter = take<std::uint64_t>(at);
        out.hearing[i].age_ms = take<std::uint32_t>(at);
    }
    std::size_t const size = *at++;
    if (size > node_name::max_size || static_cast<std::size_t>(end - at) < size) {
        return false;
    }
    std::array<char, node_name::max_size> text{};
    std::copy_n(at, size, text.begin());
    out.name = node_name{std::string_view{text.data(), size}};
    return printable(out.name.view());
}

} // namespace cluster::wire
