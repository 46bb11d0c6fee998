// SPDX-License-Identifier: Apache-2.0
#include "net/address_channel.hpp"

#include "net/system_error.hpp"

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

namespace cluster::net {
namespace {

// Every message is answered into our receive buffer before we read: 64 answers fit into the smallest.
constexpr std::size_t messages_per_call = 64;
constexpr timeval answer_limit{5, 0};

using message = std::unique_ptr<nl_msg, decltype([](nl_msg* m) { nlmsg_free(m); })>;

void put_address(nl_msg* m, int attribute, address const& a) {
    if (a.is_v4()) {
        auto const bytes = a.to_v4().to_bytes();
        nla_put(m, attribute, static_cast<int>(bytes.size()), bytes.data());
    } else {
        auto const bytes = a.to_v6().to_bytes();
        nla_put(m, attribute, static_cast<int>(bytes.size()), bytes.data());
    }
}

} // namespace

result<address_channel> address_channel::open() {
    unique_fd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
    if (!fd) {
        return system_error("opening a route netlink socket", errno);
    }
    constexpr int on = 1;
    ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on); // answers without a copy of the request
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &answer_limit, sizeof answer_limit);
    return address_channel{std::move(fd)};
}

void address_channel::append(std::uint16_t type, std::uint16_t flags, placed_address const& a, std::uint32_t lifetime) {
    message const m{nlmsg_alloc()};
    auto* const head = nlmsg_put(m.get(), 0, ++sequence_, type, 0, NLM_F_REQUEST | NLM_F_ACK | flags);
    ifaddrmsg body{};
    body.ifa_family = a.address.is_v4() ? AF_INET : AF_INET6;
    body.ifa_prefixlen = a.prefix;
    body.ifa_scope = RT_SCOPE_UNIVERSE;
    body.ifa_index = a.interface;
    nlmsg_append(m.get(), &body, sizeof body, NLMSG_ALIGNTO);
    put_address(m.get(), IFA_LOCAL, a.address);
    put_address(m.get(), IFA_ADDRESS, a.address);
    if (type == RTM_NEWADDR) {
        nla_put_u32(m.get(), IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
        ifa_cacheinfo life{};
        life.ifa_valid = lifetime;
        // A deprecated IPv6 address is never chosen as a source (RFC 6724, rule 3): the node's own traffic keeps its
        // own.
        life.ifa_prefered = a.address.is_v6() ? 0 : lifetime;
        nla_put(m.get(), IFA_CACHEINFO, sizeof life, &life);
    }
    auto const* const bytes = reinterpret_cast<std::uint8_t const*>(head);
    request_.insert(request_.end(), bytes, bytes + head->nlmsg_len);
    request_.resize(NLMSG_ALIGN(request_.size()));
    ends_.push_back(request_.size());
}

std::vector<int> address_channel::put(std::span<placed_address const> addresses, std::chrono::seconds lifetime) {
    constexpr std::uint32_t forever = 0xffffffff;
    auto const seconds = lifetime.count() > 0 ? static_cast<std::uint32_t>(lifetime.count()) : forever;
    for (auto const& a : addresses) {
        append(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, a, seconds);
    }
    return transact(addresses.size());
}

int address_channel::may_change() {
    // The kernel asks for the privilege first, and only then for the interface, which doesn't exist.
    append(RTM_DELADDR, 0, {0, boost::asio::ip::address_v4::loopback(), 32}, 0);
    int const answer = transact(1).front();
    return answer == ENODEV || answer == EADDRNOTAVAIL ? 0 : answer;
}

std::vector<int> address_channel::remove(std::span<placed_address const> addresses) {
    for (auto const& a : addresses) {
        append(RTM_DELADDR, 0, a, 0);
    }
    auto answers = transact(addresses.size());
    std::replace_if(
        answers.begin(), answers.end(), [](int e) { return e == EADDRNOTAVAIL || e == ENODEV; }, 0);
    return answers;
}

/// Sends what was appended, in pieces, and reads an answer for each message.
std::vector<int> address_channel::transact(std::size_t count) {
    std::vector<int> answers(count, ETIMEDOUT);
    auto const first_sequence = sequence_ - static_cast<std::uint32_t>(count) + 1;
    for (std::size_t from = 0; from < count; from += messages_per_call) {
        auto const to = std::min(from + messages_per_call, count);
        auto const begin = from == 0 ? 0 : ends_[from - 1];
        auto const piece = std::span{answers}.subspan(from, to - from);
        if (::send(fd_.get(), request_.data() + begin, ends_[to - 1] - begin, 0) < 0) {
            std::fill(piece.begin(), piece.end(), errno);
        } else if (!collect(first_sequence + static_cast<std::uint32_t>(from), piece)) {
            break;
        }
    }
    request_.clear();
    ends_.clear();
    return answers;
}

/// Reads the answers to messages numbered from `first_sequence`; false when the kernel stopped answering.
bool address_channel::collect(std::uint32_t first_sequence, std::span<int> answers) {
    alignas(nlmsghdr) std::array<std::uint8_t, 8192> buffer;
    std::size_t missing = answers.size();
    while (missing > 0) {
        auto const got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        int rest = static_cast<int>(got);
        for (auto* m = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(m, rest) != 0; m = nlmsg_next(m, &rest)) {
            auto const place = m->nlmsg_seq - first_sequence;
            if (m->nlmsg_type != NLMSG_ERROR || place >= answers.size()) {
                continue; // the late answer to a request that timed out
            }
            answers[place] = -static_cast<nlmsgerr const*>(nlmsg_data(m))->error;
            --missing;
        }
    }
    return true;
}

} // namespace cluster::net
