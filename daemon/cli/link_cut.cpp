// SPDX-License-Identifier: Apache-2.0
#include <cli/link_cut.hpp>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cstring>
#include <string_view>

namespace dyad::cli {
namespace {

constexpr std::uint32_t owned_by_socket = 2; ///< NFT_TABLE_F_OWNER, which older kernel headers lack
constexpr std::uint32_t first_priority = 0x80000000; ///< before everybody else's rules: INT_MIN

/// A netlink message with attributes, grown from the front.
class netlink_message {
public:
    netlink_message(std::uint16_t type, std::uint16_t flags, std::uint8_t family, std::uint16_t resource) {
        nlmsghdr header{};
        header.nlmsg_type = type;
        header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
        nfgenmsg const general{family, NFNETLINK_V0, htons(resource)};
        append(&header, sizeof header);
        append(&general, sizeof general);
    }

    void text(std::uint16_t type, std::string_view value) {
        auto const at = begin(type);
        append(value.data(), value.size());
        bytes_.push_back(0);
        end(at);
    }
    void word(std::uint16_t type, std::uint32_t value) {
        auto const at = begin(type);
        auto const wire = htonl(value);
        append(&wire, sizeof wire);
        end(at);
    }
    [[nodiscard]] std::size_t begin(std::uint16_t type) {
        auto const at = bytes_.size();
        nlattr const header{0, type};
        append(&header, sizeof header);
        return at;
    }
    void end(std::size_t at) {
        auto const length = static_cast<std::uint16_t>(bytes_.size() - at);
        std::memcpy(&bytes_[at], &length, sizeof length);
        bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
    }

    void move_to(std::vector<std::uint8_t>& out) {
        auto const length = static_cast<std::uint32_t>(bytes_.size());
        std::memcpy(bytes_.data(), &length, sizeof length);
        out.insert(out.end(), bytes_.begin(), bytes_.end());
    }

private:
    void append(void const* data, std::size_t size) {
        auto const* from = static_cast<std::uint8_t const*>(data);
        bytes_.insert(bytes_.end(), from, from + size);
    }

    std::vector<std::uint8_t> bytes_;
};

constexpr std::uint16_t nf_tables_type(int message) { return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message); }

void add_chain(std::vector<std::uint8_t>& out, std::string const& table, std::string const& chain, std::string const& interface,
               std::uint32_t hook) {
    netlink_message m(nf_tables_type(NFT_MSG_NEWCHAIN), NLM_F_CREATE | NLM_F_ACK, NFPROTO_NETDEV, 0);
    m.text(NFTA_CHAIN_TABLE, table);
    m.text(NFTA_CHAIN_NAME, chain);
    m.text(NFTA_CHAIN_TYPE, "filter");
    m.word(NFTA_CHAIN_POLICY, NF_DROP);
    auto const nest = m.begin(NLA_F_NESTED | NFTA_CHAIN_HOOK);
    m.word(NFTA_HOOK_HOOKNUM, hook);
    m.word(NFTA_HOOK_PRIORITY, first_priority);
    m.text(NFTA_HOOK_DEV, interface);
    m.end(nest);
    m.move_to(out);
}

} // namespace

link_cut cut_of(std::string const& table, std::vector<std::string> const& interfaces) {
    constexpr std::uint32_t receives = 0; ///< NF_NETDEV_INGRESS
    constexpr std::uint32_t sends = 1;    ///< NF_NETDEV_EGRESS, which older kernel headers lack
    link_cut out;
    netlink_message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES).move_to(out.bytes);
    netlink_message made(nf_tables_type(NFT_MSG_NEWTABLE), NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, NFPROTO_NETDEV, 0);
    made.text(NFTA_TABLE_NAME, table);
    made.word(NFTA_TABLE_FLAGS, owned_by_socket);
    made.move_to(out.bytes);
    ++out.acknowledged;
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
        add_chain(out.bytes, table, "receives" + std::to_string(i), interfaces[i], receives);
        add_chain(out.bytes, table, "sends" + std::to_string(i), interfaces[i], sends);
        out.acknowledged += 2;
    }
    netlink_message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES).move_to(out.bytes);
    return out;
}

} // namespace dyad::cli
