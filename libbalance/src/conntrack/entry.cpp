// SPDX-License-Identifier: Apache-2.0
#include "conntrack/entry.hpp"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_sctp.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>

#include <algorithm>

namespace balance::conntrack {

bool is_worth_telling(entry const& e) noexcept {
    constexpr std::uint32_t wanted = IPS_ASSURED | IPS_SRC_NAT;
    return (e.status & wanted) == wanted;
}

bool is_translated(entry const& e, std::span<address const> sources) {
    return is_worth_telling(e) && e.reply.destination != e.key.original.source &&
           std::find(sources.begin(), sources.end(), e.reply.destination.address) != sources.end();
}

bool is_over(entry const& e) noexcept {
    switch (e.key.protocol) {
    case IPPROTO_TCP:
        return e.state == TCP_CONNTRACK_TIME_WAIT || e.state == TCP_CONNTRACK_CLOSE;
    case IPPROTO_SCTP:
        return e.state == SCTP_CONNTRACK_CLOSED;
    default:
        return false;
    }
}

} // namespace balance::conntrack
