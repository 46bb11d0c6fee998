// SPDX-License-Identifier: Apache-2.0
#include "ipvs/codec.hpp"

#include <linux/genetlink.h>
#include <linux/ip_vs.h>

#include <array>
#include <bit>

namespace balance::ipvs {
namespace {

std::uint16_t family(bool v6) { return v6 ? ipv6_family : ipv4_family; }

std::uint16_t network_order(std::uint16_t v) {
    return std::endian::native == std::endian::little ? static_cast<std::uint16_t>(v << 8 | v >> 8) : v;
}

std::uint32_t network_order(std::uint32_t v) {
    return std::endian::native == std::endian::little ? __builtin_bswap32(v) : v;
}

/// union nf_inet_addr: 16 bytes, of which IPv4 uses the first 4.
std::array<unsigned char, 16> packed(address const& a) {
    if (a.is_v6()) {
        return a.to_v6().to_bytes();
    }
    std::array<unsigned char, 16> out{};
    auto const v4 = a.to_v4().to_bytes();
    std::copy(v4.begin(), v4.end(), out.begin());
    return out;
}

attribute_writer start(command c) {
    genlmsghdr const header{static_cast<std::uint8_t>(c), IPVS_GENL_VERSION, 0};
    return attribute_writer(std::as_bytes(std::span(&header, 1)));
}

// The order of attributes is ipvsadm's, so that a recording of one can be laid beside the other.
void put_key(attribute_writer& out, service_key const& key) {
    out.put_value(IPVS_SVC_ATTR_AF, family(key.v6));
    if (key.mark != 0) {
        out.put_value(IPVS_SVC_ATTR_FWMARK, key.mark);
        return;
    }
    out.put_value(IPVS_SVC_ATTR_PROTOCOL, key.protocol);
    out.put_value(IPVS_SVC_ATTR_ADDR, packed(key.local.address));
    out.put_value(IPVS_SVC_ATTR_PORT, network_order(key.local.port));
}

void put_settings(attribute_writer& out, service const& s) {
    out.put_string(IPVS_SVC_ATTR_SCHED_NAME, s.scheduler);
    if (!s.engine.empty()) {
        out.put_string(IPVS_SVC_ATTR_PE_NAME, s.engine);
    }
    out.put_value(IPVS_SVC_ATTR_FLAGS, ip_vs_flags{s.flags, ~std::uint32_t{0}});
    out.put_value(IPVS_SVC_ATTR_TIMEOUT, s.timeout);
    out.put_value(IPVS_SVC_ATTR_NETMASK, s.key.v6 ? s.netmask : network_order(s.netmask));
}

} // namespace

bytes encode(command c, service const& s) {
    auto writer = start(c);
    writer.put_nest(IPVS_CMD_ATTR_SERVICE, [&] {
        put_key(writer, s.key);
        if (c != command::remove_service) {
            put_settings(writer, s);
        }
    });
    return writer.take();
}

bytes encode(command c, service_key const& key, destination const& d) {
    auto writer = start(c);
    writer.put_nest(IPVS_CMD_ATTR_SERVICE, [&] { put_key(writer, key); });
    writer.put_nest(IPVS_CMD_ATTR_DEST, [&] {
        writer.put_value(IPVS_DEST_ATTR_ADDR_FAMILY, family(d.remote.address.is_v6()));
        writer.put_value(IPVS_DEST_ATTR_ADDR, packed(d.remote.address));
        writer.put_value(IPVS_DEST_ATTR_PORT, network_order(d.remote.port));
        if (c == command::remove_destination) {
            return;
        }
        writer.put_value(IPVS_DEST_ATTR_FWD_METHOD, static_cast<std::uint32_t>(d.method));
        writer.put_value(IPVS_DEST_ATTR_WEIGHT, d.weight);
        writer.put_value(IPVS_DEST_ATTR_U_THRESH, d.upper);
        writer.put_value(IPVS_DEST_ATTR_L_THRESH, d.lower);
        // As ipvsadm does: a kernel before 5.3 does not know them, and needs not to for IP in IP.
        if (d.method == forwarding::tunnel && d.tunnel != tunnel{}) {
            writer.put_value(IPVS_DEST_ATTR_TUN_TYPE, static_cast<std::uint8_t>(d.tunnel.type));
            writer.put_value(IPVS_DEST_ATTR_TUN_PORT, network_order(d.tunnel.port));
            writer.put_value(IPVS_DEST_ATTR_TUN_FLAGS, static_cast<std::uint16_t>(d.tunnel.sum));
        }
    });
    return writer.take();
}

bytes encode_service_dump() { return start(command::get_service).take(); }

bytes encode_destination_dump(service_key const& key) {
    auto writer = start(command::get_destination);
    writer.put_nest(IPVS_CMD_ATTR_SERVICE, [&] { put_key(writer, key); });
    return writer.take();
}

bytes encode_sync_start(sync_role role, std::string const& interface, std::uint8_t id) {
    auto writer = start(command::new_daemon);
    writer.put_nest(IPVS_CMD_ATTR_DAEMON, [&] {
        writer.put_value(IPVS_DAEMON_ATTR_STATE, static_cast<std::uint32_t>(role));
        writer.put_string(IPVS_DAEMON_ATTR_MCAST_IFN, interface);
        writer.put_value(IPVS_DAEMON_ATTR_SYNC_ID, std::uint32_t{id});
    });
    return writer.take();
}

bytes encode_sync_stop(sync_role role) {
    auto writer = start(command::remove_daemon);
    writer.put_nest(IPVS_CMD_ATTR_DAEMON,
                    [&] { writer.put_value(IPVS_DAEMON_ATTR_STATE, static_cast<std::uint32_t>(role)); });
    return writer.take();
}

} // namespace balance::ipvs
