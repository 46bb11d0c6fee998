// SPDX-License-Identifier: Apache-2.0
#include "conntrack/codec.hpp"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace balance::conntrack {
namespace {

using ipvs::attribute_writer;

constexpr std::uint32_t worth_keeping = IPS_ASSURED | IPS_SRC_NAT;

/// A message that grows; its netlink header is filled in at the end.
class request {
public:
    request(int operation, std::uint16_t flags, std::uint8_t family)
        : operation_(operation), flags_(flags), writer_(head(family)) {}

    attribute_writer& attributes() noexcept { return writer_; }
    bytes finish() {
        auto out = writer_.take();
        nlmsghdr header{};
        header.nlmsg_len = static_cast<std::uint32_t>(out.size());
        header.nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | operation_);
        header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags_);
        std::memcpy(out.data(), &header, sizeof header);
        return out;
    }

private:
    using heads = std::array<std::byte, sizeof(nlmsghdr) + sizeof(nfgenmsg)>;

    static heads head(std::uint8_t family) {
        heads out{};
        nfgenmsg const behind{family, NFNETLINK_V0, 0};
        std::memcpy(out.data() + sizeof(nlmsghdr), &behind, sizeof behind);
        return out;
    }

    int operation_;
    std::uint16_t flags_;
    attribute_writer writer_;
};

void put_address(attribute_writer& out, address const& a, std::uint16_t v4_type, std::uint16_t v6_type) {
    if (a.is_v6()) {
        out.put_value(v6_type, a.to_v6().to_bytes());
    } else {
        out.put_value(v4_type, a.to_v4().to_bytes());
    }
}

void put_tuple(attribute_writer& out, std::uint16_t type, std::uint8_t protocol, tuple const& t) {
    out.put_nest(type, [&] {
        out.put_nest(CTA_TUPLE_IP, [&] {
            put_address(out, t.source.address, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
            put_address(out, t.destination.address, CTA_IP_V4_DST, CTA_IP_V6_DST);
        });
        out.put_nest(CTA_TUPLE_PROTO, [&] {
            out.put_value(CTA_PROTO_NUM, protocol);
            out.put_value(CTA_PROTO_SRC_PORT, htons(t.source.port));
            out.put_value(CTA_PROTO_DST_PORT, htons(t.destination.port));
        });
    });
}

/// The kernel has seen none of the connection's segments, or older ones: it is told to accept them in any window
/// instead of treating them as strangers', untranslated.
void put_state(attribute_writer& out, entry const& e) {
    constexpr std::uint8_t unknown = IP_CT_TCP_FLAG_BE_LIBERAL | IP_CT_TCP_FLAG_SACK_PERM;
    constexpr nf_ct_tcp_flags liberal{unknown, unknown};
    if (e.key.protocol == IPPROTO_TCP) {
        // A notice that something else has changed does not tell the state.
        auto const state = e.state == TCP_CONNTRACK_NONE ? std::uint8_t{TCP_CONNTRACK_ESTABLISHED} : e.state;
        out.put_nest(CTA_PROTOINFO, [&] {
            out.put_nest(CTA_PROTOINFO_TCP, [&] {
                out.put_value(CTA_PROTOINFO_TCP_STATE, state);
                out.put_value(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, liberal);
                out.put_value(CTA_PROTOINFO_TCP_FLAGS_REPLY, liberal);
            });
        });
    } else if (e.key.protocol == IPPROTO_SCTP) {
        out.put_nest(CTA_PROTOINFO, [&] {
            out.put_nest(CTA_PROTOINFO_SCTP, [&] {
                out.put_value(CTA_PROTOINFO_SCTP_STATE, e.state);
                out.put_value(CTA_PROTOINFO_SCTP_VTAG_ORIGINAL, htonl(e.tags[0]));
                out.put_value(CTA_PROTOINFO_SCTP_VTAG_REPLY, htonl(e.tags[1]));
            });
        });
    }
}

void put_translation(attribute_writer& out, endpoint const& source) {
    out.put_nest(CTA_NAT_SRC, [&] {
        put_address(out, source.address, CTA_NAT_V4_MINIP, CTA_NAT_V6_MINIP); // the greatest, too, without another
        out.put_nest(CTA_NAT_PROTO, [&] {
            out.put_value(CTA_PROTONAT_PORT_MIN, htons(source.port));
            out.put_value(CTA_PROTONAT_PORT_MAX, htons(source.port));
        });
    });
}

std::uint8_t family_of(tuple const& t) { return t.source.address.is_v6() ? AF_INET6 : AF_INET; }

} // namespace

bytes encode_dump() {
    request out(IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
    out.attributes().put_value(CTA_STATUS, htonl(worth_keeping));
    out.attributes().put_value(CTA_STATUS_MASK, htonl(worth_keeping));
    return out.finish();
}

bytes encode_query(key const& k) {
    request out(IPCTNL_MSG_CT_GET, NLM_F_ACK, family_of(k.original));
    put_tuple(out.attributes(), CTA_TUPLE_ORIG, k.protocol, k.original);
    return out.finish();
}

bytes encode_creation(entry const& e) {
    request out(IPCTNL_MSG_CT_NEW, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, family_of(e.key.original));
    auto& attributes = out.attributes();
    put_tuple(attributes, CTA_TUPLE_ORIG, e.key.protocol, e.key.original);
    // As it would be without the translation, which the kernel then carries out on it. What IPVS did to the destination
    // is no translation in the kernel's eyes: only the two tuples tell of it.
    put_tuple(attributes, CTA_TUPLE_REPLY, e.key.protocol, {e.reply.source, e.key.original.source});
    attributes.put_value(CTA_STATUS, htonl(IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED));
    attributes.put_value(CTA_TIMEOUT, htonl(e.timeout));
    put_state(attributes, e);
    put_translation(attributes, e.reply.destination);
    return out.finish();
}

bytes encode_update(entry const& e) {
    request out(IPCTNL_MSG_CT_NEW, NLM_F_ACK, family_of(e.key.original));
    put_tuple(out.attributes(), CTA_TUPLE_ORIG, e.key.protocol, e.key.original);
    out.attributes().put_value(CTA_TIMEOUT, htonl(e.timeout));
    put_state(out.attributes(), e);
    return out.finish();
}

bytes encode_removal(std::uint8_t protocol, tuple const& packets) {
    request out(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family_of(packets));
    put_tuple(out.attributes(), CTA_TUPLE_ORIG, protocol, packets);
    return out.finish();
}

} // namespace balance::conntrack
