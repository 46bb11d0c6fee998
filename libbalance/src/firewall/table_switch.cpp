// SPDX-License-Identifier: Apache-2.0
#include "firewall/table_switch.hpp"

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

namespace balance::firewall {
namespace {

constexpr timeval answer_limit{1, 0};

error switch_error(int code) {
    return make_error(errc::io_error, std::string("waking packet rules: ") + std::strerror(code));
}

using message = std::unique_ptr<nl_msg, decltype([](nl_msg* m) { nlmsg_free(m); })>;

/// Appends a message of nftables to a packet; `fill` puts its attributes.
template <class Fill>
void append(std::vector<std::byte>& packet, int type, int flags, nfgenmsg head, std::uint32_t sequence, Fill fill) {
    message const m(nlmsg_alloc());
    auto const* const header = nlmsg_put(m.get(), 0, sequence, type, 0, NLM_F_REQUEST | flags);
    nlmsg_append(m.get(), &head, sizeof head, NLMSG_ALIGNTO);
    fill(m.get());
    auto const* const bytes = reinterpret_cast<std::byte const*>(header);
    packet.insert(packet.end(), bytes, bytes + header->nlmsg_len);
}

nfgenmsg head_of(chain_table t) {
    return {static_cast<std::uint8_t>(t.v6 ? NFPROTO_IPV6 : NFPROTO_IPV4), NFNETLINK_V0, 0};
}

constexpr int subsystem = NFNL_SUBSYS_NFTABLES << 8;

bool forgets(chain_table t, daisy_chain::side awake) {
    return t.side == daisy_chain::side::taken && t.side == awake;
}

} // namespace

std::vector<std::byte> encode_switch(std::span<chain_table const> tables, daisy_chain::side awake,
                                     std::uint32_t sequence) {
    nfgenmsg const batch{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)};
    auto const nothing = [](nl_msg*) {};
    std::vector<std::byte> out;
    append(out, NFNL_MSG_BATCH_BEGIN, 0, batch, sequence, nothing);
    for (auto const t : tables) {
        if (forgets(t, awake)) {
            append(out, subsystem | NFT_MSG_DELSETELEM, NLM_F_ACK, head_of(t), sequence, [t](nl_msg* m) { // of no element: of all
                nla_put_string(m, NFTA_SET_ELEM_LIST_TABLE, name_of(t));
                nla_put_string(m, NFTA_SET_ELEM_LIST_SET, "begun");
            });
        }
        append(out, subsystem | NFT_MSG_NEWTABLE, NLM_F_ACK, head_of(t), sequence, [t, awake](nl_msg* m) {
            nla_put_string(m, NFTA_TABLE_NAME, name_of(t));
            nla_put_u32(m, NFTA_TABLE_FLAGS, htonl(t.side == awake ? 0 : NFT_TABLE_F_DORMANT));
        });
    }
    append(out, NFNL_MSG_BATCH_END, 0, batch, sequence, nothing);
    return out;
}

std::size_t acknowledged(std::span<chain_table const> tables, daisy_chain::side awake) noexcept {
    auto const more = std::count_if(tables.begin(), tables.end(), [awake](chain_table t) { return forgets(t, awake); });
    return tables.size() + static_cast<std::size_t>(more);
}

result<table_switch> table_switch::open() {
    int const fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd < 0) {
        return switch_error(errno);
    }
    int const on = 1;
    ::setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on); // answers need not repeat what was asked
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &answer_limit, sizeof answer_limit);
    return table_switch(fd);
}

table_switch::~table_switch() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

table_switch::table_switch(table_switch&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), sequence_(other.sequence_) {}

result<int> table_switch::ask(std::vector<std::byte> const& packet, std::size_t missing,
                              std::function<void(std::span<std::byte const>)> const& each) {
    if (::send(fd_, packet.data(), packet.size(), 0) < 0) {
        return switch_error(errno);
    }
    while (missing > 0) {
        alignas(nlmsghdr) std::array<std::byte, 4096> answer;
        auto const got = ::recv(fd_, answer.data(), answer.size(), 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return switch_error(errno);
        }
        auto left = static_cast<int>(got);
        for (auto* m = reinterpret_cast<nlmsghdr*>(answer.data()); nlmsg_ok(m, left) != 0; m = nlmsg_next(m, &left)) {
            if (m->nlmsg_seq != sequence_) {
                continue; // the rest of what an earlier request was refused with
            }
            auto const* const bytes = static_cast<std::byte const*>(nlmsg_data(m));
            std::span const payload(bytes, static_cast<std::size_t>(nlmsg_datalen(m)));
            nlmsgerr said{};
            if (m->nlmsg_type != NLMSG_ERROR) {
                each(payload);
            } else if (payload.size() >= sizeof said) {
                std::memcpy(&said, payload.data(), sizeof said);
                if (said.error != 0) {
                    return -said.error;
                }
                missing -= missing > 0 ? 1 : 0;
            }
        }
    }
    return 0;
}

result<> table_switch::set(std::span<chain_table const> tables, daisy_chain::side awake) {
    ++sequence_;
    auto const refused = ask(encode_switch(tables, awake, sequence_), acknowledged(tables, awake), [](auto) {});
    if (!refused) {
        return refused.error();
    }
    return *refused == 0 ? result<>() : switch_error(*refused);
}

result<std::optional<std::uint32_t>> table_switch::contents(chain_table t) {
    std::vector<std::byte> question;
    append(question, subsystem | NFT_MSG_GETTABLE, NLM_F_ACK, head_of(t), ++sequence_,
           [t](nl_msg* m) { nla_put_string(m, NFTA_TABLE_NAME, name_of(t)); });
    std::optional<std::uint32_t> count;
    auto const refused = ask(question, 1, [&count](std::span<std::byte const> payload) {
        auto left = static_cast<int>(payload.size()) - static_cast<int>(sizeof(nfgenmsg));
        auto const* at = reinterpret_cast<nlattr const*>(payload.data() + sizeof(nfgenmsg));
        for (; nla_ok(at, left) != 0; at = nla_next(at, &left)) {
            if (nla_type(at) == NFTA_TABLE_USE && nla_len(at) >= static_cast<int>(sizeof(std::uint32_t))) {
                count = ntohl(nla_get_u32(at));
            }
        }
    });
    if (!refused) {
        return refused.error();
    }
    if (*refused != 0 && *refused != ENOENT) {
        return switch_error(*refused);
    }
    return count;
}

} // namespace balance::firewall
