// SPDX-License-Identifier: Apache-2.0
#include "ipvs/codec.hpp"

#include <linux/genetlink.h>
#include <linux/ip_vs.h>

#include <algorithm>
#include <array>
#include <bit>

namespace balance::ipvs {
namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

error malformed(std::string_view what) {
    return make_error(errc::protocol_error, "the kernel's IPVS answer is malformed: " + std::string(what) +
                                                "; is this program older than the kernel's IPVS?");
}

std::uint16_t host_order(std::uint16_t v) {
    return std::endian::native == std::endian::little ? static_cast<std::uint16_t>(v << 8 | v >> 8) : v;
}

std::uint32_t host_order(std::uint32_t v) {
    return std::endian::native == std::endian::little ? __builtin_bswap32(v) : v;
}

/// Keeps the values of a walk and whether one of them was too short.
class fields {
public:
    template <class T>
    void take(attribute const& a, T& into) {
        if (auto const v = a.value<T>()) {
            into = *v;
            seen_ |= std::uint32_t{1} << (a.type & 31);
        } else {
            short_ = true;
        }
    }
    [[nodiscard]] bool has(unsigned type) const { return (seen_ >> type & 1) != 0; }
    [[nodiscard]] bool too_short() const { return short_; }

private:
    std::uint32_t seen_ = 0;
    bool short_ = false;
};

/// The family's header and the nest of `type` behind it.
result<byte_span> open(byte_span message, command wanted, std::uint16_t type) {
    if (message.size() < sizeof(genlmsghdr)) {
        return malformed("shorter than a header");
    }
    if (message[0] != static_cast<std::byte>(wanted)) {
        return malformed("not the kind that was asked for");
    }
    attribute_reader reader(message.subspan(sizeof(genlmsghdr)));
    std::optional<byte_span> found;
    while (auto const a = reader.next()) {
        if (a->type == type) {
            found = a->payload;
        }
    }
    if (!reader.intact()) {
        return malformed("an attribute is longer than what is left");
    }
    if (!found) {
        return malformed("the object is missing");
    }
    return *found;
}

/// Counters are 32 bits in the old nest and 64 in the new one; bytes are 64 in both.
std::uint64_t number(attribute const& a) {
    if (auto const wide = a.value<std::uint64_t>()) {
        return *wide;
    }
    return a.value<std::uint32_t>().value_or(0);
}

counters decode_counters(byte_span nest) {
    std::array<std::uint64_t, IPVS_STATS_ATTR_MAX + 1> seen{};
    attribute_reader reader(nest);
    while (auto const a = reader.next()) {
        if (a->type < seen.size()) {
            seen[a->type] = number(*a);
        }
    }
    counters out;
    out.connections = seen[IPVS_STATS_ATTR_CONNS];
    out.in_packets = seen[IPVS_STATS_ATTR_INPKTS];
    out.out_packets = seen[IPVS_STATS_ATTR_OUTPKTS];
    out.in_bytes = seen[IPVS_STATS_ATTR_INBYTES];
    out.out_bytes = seen[IPVS_STATS_ATTR_OUTBYTES];
    out.per_second.connections = seen[IPVS_STATS_ATTR_CPS];
    out.per_second.in_packets = seen[IPVS_STATS_ATTR_INPPS];
    out.per_second.out_packets = seen[IPVS_STATS_ATTR_OUTPPS];
    out.per_second.in_bytes = seen[IPVS_STATS_ATTR_INBPS];
    out.per_second.out_bytes = seen[IPVS_STATS_ATTR_OUTBPS];
    return out;
}

/// Which of the two nests was seen last matters not: the wide one wins.
struct counter_nests {
    std::optional<byte_span> narrow;
    std::optional<byte_span> wide;

    [[nodiscard]] counters decode() const {
        return wide ? decode_counters(*wide) : narrow ? decode_counters(*narrow) : counters{};
    }
};

address unpacked(std::array<unsigned char, 16> const& raw, bool v6) {
    if (v6) {
        return address_v6(raw);
    }
    address_v4::bytes_type v4{};
    std::copy_n(raw.begin(), v4.size(), v4.begin());
    return address_v4(v4);
}

struct raw_service {
    std::uint16_t family = 0;
    std::uint16_t port = 0;
    std::uint32_t netmask = 0;
    std::array<unsigned char, 16> address{};
    ip_vs_flags flags{};
    counter_nests stats;
    fields seen;
};

void read_service(attribute const& a, raw_service& raw, service& s) {
    switch (a.type) {
    case IPVS_SVC_ATTR_AF:
        raw.seen.take(a, raw.family);
        break;
    case IPVS_SVC_ATTR_PROTOCOL:
        raw.seen.take(a, s.key.protocol);
        break;
    case IPVS_SVC_ATTR_ADDR:
        raw.seen.take(a, raw.address);
        break;
    case IPVS_SVC_ATTR_PORT:
        raw.seen.take(a, raw.port);
        break;
    case IPVS_SVC_ATTR_FWMARK:
        raw.seen.take(a, s.key.mark);
        break;
    case IPVS_SVC_ATTR_SCHED_NAME:
        s.scheduler = a.string();
        break;
    case IPVS_SVC_ATTR_PE_NAME:
        s.engine = a.string();
        break;
    case IPVS_SVC_ATTR_FLAGS:
        raw.seen.take(a, raw.flags);
        break;
    case IPVS_SVC_ATTR_TIMEOUT:
        raw.seen.take(a, s.timeout);
        break;
    case IPVS_SVC_ATTR_NETMASK:
        raw.seen.take(a, raw.netmask);
        break;
    case IPVS_SVC_ATTR_STATS:
        raw.stats.narrow = a.payload;
        break;
    case IPVS_SVC_ATTR_STATS64:
        raw.stats.wide = a.payload;
        break;
    default:
        break;
    }
}

struct raw_destination {
    std::uint16_t family = 0;
    std::uint16_t port = 0;
    std::uint32_t method = 0;
    std::uint8_t tunnel_type = 0;
    std::uint16_t tunnel_port = 0;
    std::uint16_t tunnel_flags = 0;
    std::array<unsigned char, 16> address{};
    counter_nests stats;
    fields seen;
};

void read_destination(attribute const& a, raw_destination& raw, destination_state& d) {
    switch (a.type) {
    case IPVS_DEST_ATTR_ADDR:
        raw.seen.take(a, raw.address);
        break;
    case IPVS_DEST_ATTR_PORT:
        raw.seen.take(a, raw.port);
        break;
    case IPVS_DEST_ATTR_ADDR_FAMILY:
        raw.seen.take(a, raw.family);
        break;
    case IPVS_DEST_ATTR_FWD_METHOD:
        raw.seen.take(a, raw.method);
        break;
    case IPVS_DEST_ATTR_WEIGHT:
        raw.seen.take(a, d.config.weight);
        break;
    case IPVS_DEST_ATTR_U_THRESH:
        raw.seen.take(a, d.config.upper);
        break;
    case IPVS_DEST_ATTR_L_THRESH:
        raw.seen.take(a, d.config.lower);
        break;
    case IPVS_DEST_ATTR_TUN_TYPE:
        raw.seen.take(a, raw.tunnel_type);
        break;
    case IPVS_DEST_ATTR_TUN_PORT:
        raw.seen.take(a, raw.tunnel_port);
        break;
    case IPVS_DEST_ATTR_TUN_FLAGS:
        raw.seen.take(a, raw.tunnel_flags);
        break;
    case IPVS_DEST_ATTR_ACTIVE_CONNS:
        raw.seen.take(a, d.active);
        break;
    case IPVS_DEST_ATTR_INACT_CONNS:
        raw.seen.take(a, d.inactive);
        break;
    case IPVS_DEST_ATTR_PERSIST_CONNS:
        raw.seen.take(a, d.persistent);
        break;
    case IPVS_DEST_ATTR_STATS:
        raw.stats.narrow = a.payload;
        break;
    case IPVS_DEST_ATTR_STATS64:
        raw.stats.wide = a.payload;
        break;
    default:
        break;
    }
}

} // namespace

result<service_state> decode_service(byte_span message) {
    auto const nest = open(message, command::new_service, IPVS_CMD_ATTR_SERVICE);
    if (!nest) {
        return nest.error();
    }
    service_state out;
    raw_service raw;
    attribute_reader reader(*nest);
    while (auto const a = reader.next()) {
        read_service(*a, raw, out.config);
    }
    if (!reader.intact() || raw.seen.too_short()) {
        return malformed("a service's attribute has a wrong length");
    }
    bool const by_mark = raw.seen.has(IPVS_SVC_ATTR_FWMARK) && out.config.key.mark != 0;
    bool const by_address =
        raw.seen.has(IPVS_SVC_ATTR_PROTOCOL) && raw.seen.has(IPVS_SVC_ATTR_ADDR) && raw.seen.has(IPVS_SVC_ATTR_PORT);
    if (!raw.seen.has(IPVS_SVC_ATTR_AF) || !(by_mark || by_address)) {
        return malformed("a service without a key");
    }
    auto& key = out.config.key;
    key.v6 = raw.family == ipv6_family;
    if (by_mark) {
        key.protocol = 0;
    } else {
        key.local = {unpacked(raw.address, key.v6), host_order(raw.port)};
    }
    out.config.flags = raw.flags.flags & ~std::uint32_t{IP_VS_SVC_F_HASHED};
    out.config.netmask = key.v6 ? raw.netmask : host_order(raw.netmask);
    out.counters = raw.stats.decode();
    return out;
}

result<destination_state> decode_destination(byte_span message, bool v6) {
    auto const nest = open(message, command::new_destination, IPVS_CMD_ATTR_DEST);
    if (!nest) {
        return nest.error();
    }
    destination_state out;
    raw_destination raw;
    attribute_reader reader(*nest);
    while (auto const a = reader.next()) {
        read_destination(*a, raw, out);
    }
    if (!reader.intact() || raw.seen.too_short()) {
        return malformed("a destination's attribute has a wrong length");
    }
    if (!raw.seen.has(IPVS_DEST_ATTR_ADDR) || !raw.seen.has(IPVS_DEST_ATTR_PORT)) {
        return malformed("a destination without an address");
    }
    bool const remote_v6 = raw.seen.has(IPVS_DEST_ATTR_ADDR_FAMILY) ? raw.family == ipv6_family : v6;
    out.config.remote = {unpacked(raw.address, remote_v6), host_order(raw.port)};
    out.config.method = static_cast<forwarding>(raw.method & IP_VS_CONN_F_FWD_MASK);
    if (out.config.method == forwarding::tunnel) { // of other methods the kernel keeps whatever was there
        out.config.tunnel = {static_cast<tunnel::kind>(raw.tunnel_type), host_order(raw.tunnel_port),
                             static_cast<tunnel::checksum>(raw.tunnel_flags)};
    }
    out.counters = raw.stats.decode();
    return out;
}

} // namespace balance::ipvs
