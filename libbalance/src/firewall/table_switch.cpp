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

template <class T>
void append(std::vector<std::byte>& out, T const& value) {
    auto const* const bytes = reinterpret_cast<std::byte const*>(&value);
    out.insert(out.end(), bytes, bytes + sizeof value);
    out.resize(NLMSG_ALIGN(out.size()));
}

void append_attribute(std::vector<std::byte>& out, std::uint16_t type, std::span<std::byte const> payload) {
    append(out, nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + payload.size()), type});
    out.insert(out.end(), payload.begin(), payload.end());
    out.resize(NLMSG_ALIGN(out.size()));
}

/// Starts a message and answers where: its length is filled in by `end`.
std::size_t begin(std::vector<std::byte>& out, int type, int flags, nfgenmsg const& head) {
    auto const at = out.size();
    append(out, nlmsghdr{0, static_cast<std::uint16_t>(type), static_cast<std::uint16_t>(NLM_F_REQUEST | flags), 0, 0});
    append(out, head);
    return at;
}

void end(std::vector<std::byte>& out, std::size_t at) {
    auto const length = static_cast<std::uint32_t>(out.size() - at);
    std::memcpy(out.data() + at + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
}

} // namespace

std::vector<std::byte> encode_switch(std::span<chain_table const> tables, daisy_chain::side awake) {
    nfgenmsg const batch{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)};
    std::vector<std::byte> out;
    end(out, begin(out, NFNL_MSG_BATCH_BEGIN, 0, batch));
    for (auto const t : tables) {
        auto const family = static_cast<std::uint8_t>(t.v6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
        auto const at = begin(out, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, NLM_F_ACK, {family, NFNETLINK_V0, 0});
        auto const name = std::string(name_of(t));
        append_attribute(out, NFTA_TABLE_NAME, std::as_bytes(std::span(name.c_str(), name.size() + 1)));
        std::uint32_t const flags = htonl(t.side == awake ? 0 : NFT_TABLE_F_DORMANT);
        append_attribute(out, NFTA_TABLE_FLAGS, std::as_bytes(std::span(&flags, 1)));
        end(out, at);
    }
    end(out, begin(out, NFNL_MSG_BATCH_END, 0, batch));
    return out;
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

table_switch::table_switch(table_switch&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

result<> table_switch::set(std::span<chain_table const> tables, daisy_chain::side awake) {
    auto const message = encode_switch(tables, awake);
    if (::send(fd_, message.data(), message.size(), 0) < 0) {
        return switch_error(errno);
    }
    // An answer for each table; when the transaction fails as a whole, one for its beginning more.
    int worst = 0;
    for (std::size_t missing = tables.size(); missing > 0 && worst == 0;) {
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
            nlmsgerr said{};
            if (m->nlmsg_type == NLMSG_ERROR && nlmsg_datalen(m) >= static_cast<int>(sizeof said)) {
                std::memcpy(&said, nlmsg_data(m), sizeof said);
                worst = worst != 0 ? worst : -said.error;
                missing -= missing > 0 ? 1 : 0;
            }
        }
    }
    return worst == 0 ? result<>() : switch_error(worst);
}

} // namespace balance::firewall
