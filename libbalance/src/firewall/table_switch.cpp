// SPDX-License-Identifier: Apache-2.0
#include "firewall/table_switch.hpp"

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
#include <string>
#include <utility>

namespace balance::firewall {
namespace {

constexpr timeval answer_limit{1, 0};

error switch_error(int code) {
    return make_error(errc::io_error, std::string("waking packet rules: ") + std::strerror(code));
}

/// Netlink messages, one behind the other.
class message_writer {
public:
    explicit message_writer(std::uint32_t sequence) : sequence_(sequence) {}

    void begin(int type, int flags, nfgenmsg const& head) {
        start_ = out_.size();
        append(nlmsghdr{0, static_cast<std::uint16_t>(type), static_cast<std::uint16_t>(NLM_F_REQUEST | flags), sequence_, 0});
        append(head);
        close();
    }

    void attribute(std::uint16_t type, std::span<std::byte const> payload) {
        append(nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + payload.size()), type});
        out_.insert(out_.end(), payload.begin(), payload.end());
        out_.resize(NLMSG_ALIGN(out_.size()));
        close();
    }

    void text(std::uint16_t type, std::string const& s) {
        attribute(type, std::as_bytes(std::span(s.c_str(), s.size() + 1)));
    }

    std::vector<std::byte> take() { return std::move(out_); }

private:
    template <class T>
    void append(T const& value) {
        auto const* const bytes = reinterpret_cast<std::byte const*>(&value);
        out_.insert(out_.end(), bytes, bytes + sizeof value);
        out_.resize(NLMSG_ALIGN(out_.size()));
    }

    /// The message ends here so far.
    void close() {
        auto const length = static_cast<std::uint32_t>(out_.size() - start_);
        std::memcpy(out_.data() + start_ + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
    }

    std::uint32_t sequence_;
    std::vector<std::byte> out_;
    std::size_t start_ = 0;
};

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
    message_writer out(sequence);
    out.begin(NFNL_MSG_BATCH_BEGIN, 0, batch);
    for (auto const t : tables) {
        auto const name = std::string(name_of(t));
        if (forgets(t, awake)) {
            out.begin(subsystem | NFT_MSG_DELSETELEM, NLM_F_ACK, head_of(t)); // of no element: of all
            out.text(NFTA_SET_ELEM_LIST_TABLE, name);
            out.text(NFTA_SET_ELEM_LIST_SET, "begun");
        }
        out.begin(subsystem | NFT_MSG_NEWTABLE, NLM_F_ACK, head_of(t));
        out.text(NFTA_TABLE_NAME, name);
        std::uint32_t const flags = htonl(t.side == awake ? 0 : NFT_TABLE_F_DORMANT);
        out.attribute(NFTA_TABLE_FLAGS, std::as_bytes(std::span(&flags, 1)));
    }
    out.begin(NFNL_MSG_BATCH_END, 0, batch);
    return out.take();
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

result<int> table_switch::ask(std::vector<std::byte> message, std::size_t missing,
                              std::function<void(std::span<std::byte const>)> const& each) {
    if (::send(fd_, message.data(), message.size(), 0) < 0) {
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
    message_writer out(++sequence_);
    out.begin(subsystem | NFT_MSG_GETTABLE, NLM_F_ACK, head_of(t));
    out.text(NFTA_TABLE_NAME, std::string(name_of(t)));
    std::optional<std::uint32_t> count;
    auto const refused = ask(out.take(), 1, [&count](std::span<std::byte const> payload) {
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
