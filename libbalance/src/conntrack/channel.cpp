// SPDX-License-Identifier: Apache-2.0
#include "conntrack/channel.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

namespace balance::conntrack {
namespace {

constexpr std::size_t requests_at_once = 64;     ///< their answers fit into a receive buffer of the default size
constexpr std::size_t largest_datagram = 32'768; // the kernel fills no more of a dump at a time
constexpr timeval answer_limit{10, 0};           // loading its module is part of an answer

error channel_error(int code) {
    if (code == EPERM || code == EACCES) {
        return make_error(
            errc::not_permitted,
            "the kernel's connection tracking needs the privilege CAP_NET_ADMIN; run as root or grant the "
            "capability");
    }
    if (code == EINVAL || code == EOPNOTSUPP) {
        return make_error(errc::not_supported,
                          "this kernel's connection tracking cannot be read; load the modules with "
                          "\"modprobe -a nf_conntrack_netlink nf_nat\"");
    }
    return make_error(errc::io_error, std::string("the kernel's connection tracking: ") + std::strerror(code));
}

/// The errno that an NLMSG_ERROR or NLMSG_DONE begins with; 0 is success.
int errno_of(byte_span payload) {
    int code = 0;
    if (payload.size() >= sizeof code) {
        std::memcpy(&code, payload.data(), sizeof code);
    }
    return code < 0 ? -code : 0;
}

/// Calls `use(header, message)` for the messages of a datagram that are whole.
template <class Use>
void each_message(byte_span datagram, Use use) {
    while (datagram.size() >= sizeof(nlmsghdr)) {
        nlmsghdr header{};
        std::memcpy(&header, datagram.data(), sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) {
            return;
        }
        use(header, datagram.first(header.nlmsg_len));
        datagram = datagram.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
    }
}

} // namespace

channel::channel(int fd) : fd_(fd), buffer_(largest_datagram) {}

channel::~channel() { ::close(fd_); }

result<std::unique_ptr<channel>> channel::open() {
    int const fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd < 0) {
        return channel_error(errno);
    }
    int const on = 1;
    ::setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on); // answers need not repeat what was asked
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &answer_limit, sizeof answer_limit);
    return std::unique_ptr<channel>(new channel(fd));
}

std::uint32_t channel::append(bytes& packet, byte_span request) {
    auto const start = packet.size();
    packet.insert(packet.end(), request.begin(), request.end());
    packet.resize(NLMSG_ALIGN(packet.size()));
    ++sequence_;
    std::memcpy(packet.data() + start + offsetof(nlmsghdr, nlmsg_seq), &sequence_, sizeof sequence_);
    return sequence_;
}

result<> channel::send(byte_span packet) {
    sockaddr_nl kernel_address{};
    kernel_address.nl_family = AF_NETLINK;
    auto const sent = ::sendto(fd_, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr const*>(&kernel_address),
                               sizeof kernel_address);
    return sent < 0 ? result<>(channel_error(errno)) : result<>();
}

result<byte_span> channel::receive() {
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof sender;
    auto const size =
        ::recvfrom(fd_, buffer_.data(), buffer_.size(), 0, reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size < 0) {
        return errno == EINTR ? result<byte_span>(byte_span{}) : channel_error(errno);
    }
    return byte_span(buffer_).first(sender.nl_pid == 0 ? static_cast<std::size_t>(size) : 0);
}

result<> channel::ask(bytes request, receiver const& answer) {
    bytes packet;
    auto const sequence = append(packet, request);
    if (auto sent = send(packet); !sent) {
        return sent;
    }
    for (bool more = true; more;) {
        auto const datagram = receive();
        if (!datagram) {
            return datagram.error();
        }
        each_message(*datagram, [&](nlmsghdr const& header, byte_span message) {
            if (header.nlmsg_seq != sequence || !more) {
                return;
            }
            bool const ends = header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE;
            int const code = ends ? errno_of(message.subspan(sizeof header)) : 0;
            more = answer(code, ends ? byte_span{} : message) && !ends;
        });
    }
    return {};
}

result<std::optional<entry>> channel::find(key const& k) {
    std::optional<entry> out;
    int failure = 0;
    auto const asked = ask(encode_query(k), [&](int code, byte_span message) {
        failure = code == ENOENT ? 0 : code;
        if (auto const found = decode(message)) {
            out = found->entry;
        }
        return true; // the acknowledgement is still to come
    });
    if (!asked || failure != 0) {
        return asked ? channel_error(failure) : asked.error();
    }
    return out;
}

result<std::vector<entry>> channel::dump() {
    std::vector<entry> out;
    int failure = 0;
    auto const asked = ask(encode_dump(), [&](int code, byte_span message) {
        failure = code;
        auto found = decode(message);
        if (found && is_worth_telling(found->entry) && out.size() < most_dumped) {
            out.push_back(std::move(found->entry));
        }
        return true;
    });
    if (!asked || failure != 0) {
        return asked ? channel_error(failure) : asked.error();
    }
    return out;
}

result<std::vector<int>> channel::write(std::span<bytes const> requests) {
    std::vector<int> out;
    while (!requests.empty()) {
        auto const batch = requests.first(std::min(requests_at_once, requests.size()));
        if (auto const done = write_batch(batch, out); !done) {
            return done.error();
        }
        requests = requests.subspan(batch.size());
    }
    return out;
}

result<> channel::write_batch(std::span<bytes const> requests, std::vector<int>& out) {
    bytes packet;
    auto const first = sequence_ + 1;
    for (auto const& r : requests) {
        append(packet, r);
    }
    if (auto sent = send(packet); !sent) {
        return sent;
    }
    std::vector<int> answers(requests.size(), -1);
    for (auto missing = requests.size(); missing > 0;) {
        auto const datagram = receive();
        if (!datagram) {
            return datagram.error();
        }
        each_message(*datagram, [&](nlmsghdr const& header, byte_span message) {
            auto const place = header.nlmsg_seq - first;
            if (header.nlmsg_type == NLMSG_ERROR && place < answers.size() && answers[place] < 0) {
                answers[place] = errno_of(message.subspan(sizeof header));
                --missing;
            }
        });
    }
    if (std::find(answers.begin(), answers.end(), EPERM) != answers.end()) {
        return channel_error(EPERM);
    }
    out.insert(out.end(), answers.begin(), answers.end());
    return {};
}

} // namespace balance::conntrack
