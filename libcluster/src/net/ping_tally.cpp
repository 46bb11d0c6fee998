// SPDX-License-Identifier: Apache-2.0
#include "net/ping_tally.hpp"

#include "wire/byte_order.hpp"

#include <algorithm>

namespace cluster::net {
namespace {

constexpr std::uint8_t request_v4 = 8;
constexpr std::uint8_t reply_v4 = 0;
constexpr std::uint8_t request_v6 = 128;
constexpr std::uint8_t reply_v6 = 129;

std::uint16_t checksum(std::uint16_t a, std::uint16_t b, std::uint16_t c) noexcept {
    std::uint32_t total = std::uint32_t{a} + b + c;
    total = (total & 0xffff) + (total >> 16);
    return static_cast<std::uint16_t>(~(total + (total >> 16)));
}

} // namespace

echo_message echo_request(bool v4, std::uint16_t identifier, std::uint16_t sequence) noexcept {
    echo_message out{v4 ? request_v4 : request_v6};
    auto const sum = v4 ? checksum(std::uint16_t{request_v4} << 8, identifier, sequence) : std::uint16_t{0};
    wire::put(wire::put(wire::put(out.data() + 2, sum), identifier), sequence);
    return out;
}

std::optional<echo_reply> read_echo_reply(bool v4, std::span<std::uint8_t const> bytes) noexcept {
    if (v4) {
        std::size_t const header = bytes.empty() ? 0 : (bytes[0] & 0x0fu) * 4u;
        if (header < 20 || bytes.size() < header) {
            return std::nullopt;
        }
        bytes = bytes.subspan(header);
    }
    if (bytes.size() < std::tuple_size_v<echo_message> || bytes[0] != (v4 ? reply_v4 : reply_v6)) {
        return std::nullopt;
    }
    std::uint8_t const* at = bytes.data() + 4;
    auto const identifier = wire::take<std::uint16_t>(at);
    return echo_reply{identifier, wire::take<std::uint16_t>(at)};
}

std::uint16_t ping_tally::begin_round(time_point now) noexcept {
    ++round_;
    asked_[round_ % asked_.size()] = now;
    return round_;
}

std::optional<ping_tally::time_point> ping_tally::receive(address const& from, std::uint16_t sequence, time_point now) noexcept {
    // Only rounds of the recent past: an old reply, kept and sent again, proves nothing.
    if (static_cast<std::uint16_t>(round_ - sequence) >= asked_.size()) {
        return std::nullopt;
    }
    auto const node = std::find(nodes_.begin(), nodes_.end(), from);
    auto const asked = asked_[sequence % asked_.size()];
    if (node == nodes_.end() || asked == time_point{} || now - asked > memory) {
        return std::nullopt;
    }
    auto& newest = answered_[static_cast<std::size_t>(node - nodes_.begin())];
    newest = std::max(newest.value_or(asked), asked);
    return asked;
}

std::uint8_t ping_tally::answering(time_point now) const noexcept {
    auto const count =
        std::count_if(answered_.begin(), answered_.end(), [now](auto const& asked) { return asked && now - *asked <= memory; });
    return static_cast<std::uint8_t>(std::min<std::ptrdiff_t>(count, 255));
}

} // namespace cluster::net
