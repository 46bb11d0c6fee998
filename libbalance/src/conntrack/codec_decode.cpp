// SPDX-License-Identifier: Apache-2.0
#include "conntrack/codec.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include <cstring>

namespace balance::conntrack {
namespace {

using ipvs::attribute;
using ipvs::attribute_reader;

/// Calls `use(attribute)` for each one of a nest; false when the nest is malformed or `use` is not content.
template <class Use>
bool walk(byte_span nest, Use use) {
    attribute_reader reader(nest);
    while (auto const a = reader.next()) {
        if (!use(*a)) {
            return false;
        }
    }
    return reader.intact();
}

bool take_v4(attribute const& a, address& out) {
    auto const value = a.value<boost::asio::ip::address_v4::bytes_type>();
    if (value) {
        out = boost::asio::ip::address_v4(*value);
    }
    return value.has_value();
}

bool take_v6(attribute const& a, address& out) {
    auto const value = a.value<boost::asio::ip::address_v6::bytes_type>();
    if (value) {
        out = boost::asio::ip::address_v6(*value);
    }
    return value.has_value();
}

bool take_8(attribute const& a, std::uint8_t& out) {
    auto const value = a.value<std::uint8_t>();
    out = value.value_or(0);
    return value.has_value();
}

bool take_16(attribute const& a, std::uint16_t& out) {
    auto const value = a.value<std::uint16_t>();
    out = ntohs(value.value_or(0));
    return value.has_value();
}

bool take_32(attribute const& a, std::uint32_t& out) {
    auto const value = a.value<std::uint32_t>();
    out = ntohl(value.value_or(0));
    return value.has_value();
}

bool decode_addresses(byte_span nest, tuple& out) {
    return walk(nest, [&](attribute const& a) {
        switch (a.type) {
        case CTA_IP_V4_SRC:
            return take_v4(a, out.source.address);
        case CTA_IP_V4_DST:
            return take_v4(a, out.destination.address);
        case CTA_IP_V6_SRC:
            return take_v6(a, out.source.address);
        case CTA_IP_V6_DST:
            return take_v6(a, out.destination.address);
        default:
            return true;
        }
    });
}

bool decode_ports(byte_span nest, std::uint8_t& protocol, tuple& out) {
    return walk(nest, [&](attribute const& a) {
        switch (a.type) {
        case CTA_PROTO_NUM:
            return take_8(a, protocol);
        case CTA_PROTO_SRC_PORT:
            return take_16(a, out.source.port);
        case CTA_PROTO_DST_PORT:
            return take_16(a, out.destination.port);
        default:
            return true;
        }
    });
}

bool decode_tuple(byte_span nest, std::uint8_t& protocol, tuple& out) {
    return walk(nest, [&](attribute const& a) {
        switch (a.type) {
        case CTA_TUPLE_IP:
            return decode_addresses(a.payload, out);
        case CTA_TUPLE_PROTO:
            return decode_ports(a.payload, protocol, out);
        default:
            return a.type != CTA_TUPLE_ZONE;
        }
    });
}

bool decode_sctp(byte_span nest, entry& out) {
    return walk(nest, [&](attribute const& a) {
        switch (a.type) {
        case CTA_PROTOINFO_SCTP_STATE:
            return take_8(a, out.state);
        case CTA_PROTOINFO_SCTP_VTAG_ORIGINAL:
            return take_32(a, out.tags[0]);
        case CTA_PROTOINFO_SCTP_VTAG_REPLY:
            return take_32(a, out.tags[1]);
        default:
            return true;
        }
    });
}

bool decode_state(byte_span nest, entry& out) {
    return walk(nest, [&](attribute const& a) {
        switch (a.type) {
        case CTA_PROTOINFO_TCP:
            return walk(a.payload,
                        [&](attribute const& b) { return b.type != CTA_PROTOINFO_TCP_STATE || take_8(b, out.state); });
        case CTA_PROTOINFO_SCTP:
            return decode_sctp(a.payload, out);
        default:
            return true;
        }
    });
}

bool decode_attributes(byte_span attributes, entry& out, std::uint8_t& reply_protocol) {
    return walk(attributes, [&](attribute const& a) {
        switch (a.type) {
        case CTA_TUPLE_ORIG:
            return decode_tuple(a.payload, out.key.protocol, out.key.original);
        case CTA_TUPLE_REPLY:
            return decode_tuple(a.payload, reply_protocol, out.reply);
        case CTA_STATUS:
            return take_32(a, out.status);
        case CTA_TIMEOUT:
            return take_32(a, out.timeout);
        case CTA_PROTOINFO:
            return decode_state(a.payload, out);
        default:
            return a.type != CTA_ZONE;
        }
    });
}

bool is_known(std::uint8_t protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

bool same_family(entry const& e) {
    bool const v6 = e.key.original.source.address.is_v6();
    return e.key.original.destination.address.is_v6() == v6 && e.reply.source.address.is_v6() == v6 &&
           e.reply.destination.address.is_v6() == v6;
}

} // namespace

std::optional<change> decode(byte_span message) {
    constexpr std::size_t heads = sizeof(nlmsghdr) + sizeof(nfgenmsg);
    nlmsghdr header{};
    if (message.size() < heads) {
        return std::nullopt;
    }
    std::memcpy(&header, message.data(), sizeof header);
    if (header.nlmsg_len < heads || header.nlmsg_len > message.size() ||
        NFNL_SUBSYS_ID(header.nlmsg_type) != NFNL_SUBSYS_CTNETLINK) {
        return std::nullopt;
    }
    change out;
    auto const operation = NFNL_MSG_TYPE(header.nlmsg_type);
    out.gone = operation == IPCTNL_MSG_CT_DELETE;
    if (!out.gone && operation != IPCTNL_MSG_CT_NEW) {
        return std::nullopt;
    }
    std::uint8_t reply_protocol = 0;
    auto const attributes = message.subspan(heads, header.nlmsg_len - heads);
    bool const whole = decode_attributes(attributes, out.entry, reply_protocol);
    if (!whole || !is_known(out.entry.key.protocol) || reply_protocol != out.entry.key.protocol ||
        !same_family(out.entry)) {
        return std::nullopt;
    }
    return out;
}

} // namespace balance::conntrack
