// SPDX-License-Identifier: Apache-2.0
#include "ipvs/channel.hpp"

#include "ipvs/codec.hpp"
#include "ipvs/sockopt_table.hpp"

#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include <linux/ip_vs.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

namespace balance::ipvs {
namespace {

/// Answers of one batch must fit into the socket's receive buffer; a failure's takes some 1,300 bytes of it.
constexpr std::size_t batch_size = 64;
constexpr int buffer_size = 212992;  // what an unprivileged process may ask for by default
constexpr timeval time_limit{10, 0}; // loading a scheduler's module is part of an answer
constexpr int dump_attempts = 5;

/// The kernel makes its datagrams as large as our buffer, but no smaller than a page or 8,192 bytes. Larger ones need
/// memory in one piece, for each answer anew.
std::size_t datagram_size() { return static_cast<std::size_t>(std::min(::sysconf(_SC_PAGESIZE), 8192L)); }

error system_error(std::string const& what, int code) {
    if (code == EPERM || code == EACCES) {
        return make_error(errc::not_permitted,
                          "programming IPVS needs the privilege CAP_NET_ADMIN; run as root or grant the capability");
    }
    if (code == EAGAIN) {
        return make_error(errc::timed_out, what + ": the kernel gave no answer within 10 s");
    }
    return make_error(errc::io_error, what + ": " + std::strerror(code));
}

error library_error(std::string const& what, int code) {
    return make_error(errc::io_error, what + ": " + nl_geterror(code));
}

/// Calls `each(header, payload)` for the messages of a datagram, until one returns false. Errors: `protocol_error`.
template <class Each>
result<> for_each_message(byte_span packet, Each each) {
    while (!packet.empty()) {
        nlmsghdr header{};
        std::memcpy(&header, packet.data(), std::min(packet.size(), sizeof(header)));
        if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > packet.size()) {
            return make_error(errc::protocol_error, "answer of IPVS: a datagram is cut off");
        }
        if (!each(header, packet.subspan(sizeof(header), header.nlmsg_len - sizeof(header)))) {
            break;
        }
        packet = packet.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), packet.size()));
    }
    return {};
}

/// The errno that an NLMSG_ERROR or NLMSG_DONE begins with; 0 is success.
int carried_errno(byte_span payload) {
    int code = 0;
    if (payload.size() >= sizeof(code)) {
        std::memcpy(&code, payload.data(), sizeof(code));
    }
    return code < 0 ? -code : 0;
}

} // namespace

void channel::close_socket::operator()(nl_sock* s) const noexcept { nl_socket_free(s); }

channel::channel(socket s, int family) : socket_(std::move(s)), family_(family), buffer_(datagram_size()) {}
channel::~channel() = default;

result<std::unique_ptr<channel>> channel::open() {
    socket s(nl_socket_alloc());
    if (!s) {
        return make_error(errc::io_error, "no memory for a netlink socket");
    }
    if (int const code = genl_connect(s.get()); code < 0) {
        return library_error("generic netlink", code);
    }
    nl_socket_set_buffer_size(s.get(), buffer_size, buffer_size);
    nl_socket_set_msg_buf_size(s.get(), datagram_size()); // the largest that was ever offered counts
    nl_socket_disable_msg_peek(s.get());
    setsockopt(nl_socket_get_fd(s.get()), SOL_SOCKET, SO_RCVTIMEO, &time_limit, sizeof(time_limit));
    int const family = genl_ctrl_resolve(s.get(), IPVS_GENL_NAME);
    if (family == -NLE_OBJ_NOTFOUND) {
        return make_error(errc::not_supported,
                          "this kernel has no IPVS (ip_vs); load the module with \"modprobe ip_vs\", or "
                          "use a kernel that has it, such as Debian's linux-image-amd64");
    }
    if (family < 0) {
        return library_error("generic netlink family IPVS", family);
    }
    return std::unique_ptr<channel>(new channel(std::move(s), family));
}

std::uint32_t channel::append(bytes& out, byte_span message, std::uint16_t flags) {
    nlmsghdr header{};
    header.nlmsg_len = static_cast<std::uint32_t>(sizeof(header) + message.size());
    header.nlmsg_type = static_cast<std::uint16_t>(family_);
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header.nlmsg_seq = ++sequence_;
    header.nlmsg_pid = nl_socket_get_local_port(socket_.get());
    auto const raw = std::as_bytes(std::span(&header, 1));
    out.insert(out.end(), raw.begin(), raw.end());
    out.insert(out.end(), message.begin(), message.end());
    out.resize(NLMSG_ALIGN(out.size()));
    return header.nlmsg_seq;
}

result<> channel::send(byte_span packet) {
    sockaddr_nl kernel_address{};
    kernel_address.nl_family = AF_NETLINK;
    auto const sent = sendto(nl_socket_get_fd(socket_.get()), packet.data(), packet.size(), 0,
                             reinterpret_cast<sockaddr const*>(&kernel_address), sizeof(kernel_address));
    if (sent < 0) {
        return system_error("request to IPVS", errno);
    }
    return {};
}

result<byte_span> channel::receive() {
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof(sender);
    auto const size = recvfrom(nl_socket_get_fd(socket_.get()), buffer_.data(), buffer_.size(), MSG_TRUNC,
                               reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size < 0) {
        return errno == EINTR ? result<byte_span>(byte_span{}) : system_error("answer of IPVS", errno);
    }
    if (static_cast<std::size_t>(size) > buffer_.size()) {
        return make_error(errc::protocol_error, "answer of IPVS: " + std::to_string(size) + " bytes at once");
    }
    // Another process may write to our socket: not the kernel's word.
    return byte_span(buffer_).first(sender.nl_pid == 0 ? static_cast<std::size_t>(size) : 0);
}

result<bool> channel::try_dump(byte_span request, receiver const& receive_one) {
    bytes packet;
    auto const sequence = append(packet, request, NLM_F_DUMP);
    if (auto const sent = send(packet); !sent) {
        return sent.error();
    }
    bool interrupted = false;
    for (bool done = false; !done;) {
        auto const answer = receive();
        if (!answer) {
            return answer.error();
        }
        result<> outcome;
        auto const read = for_each_message(*answer, [&](nlmsghdr const& header, byte_span payload) {
            if (header.nlmsg_seq != sequence) {
                return true;
            }
            interrupted |= (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
            if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
                if (int const code = carried_errno(payload); code != 0) {
                    outcome = system_error("reading the IPVS table", code);
                }
                done = true;
                return false;
            }
            outcome = receive_one(payload);
            return outcome.has_value();
        });
        if (!read || !outcome) {
            return read ? outcome.error() : read.error();
        }
    }
    return !interrupted;
}

template <class State, class Decode, class Key>
result<std::vector<State>> channel::dump_all(byte_span request, Decode decode, Key key) {
    std::vector<State> seen; // by attempts that changes interrupted
    for (int i = 0; i < dump_attempts; ++i) {
        std::vector<State> out;
        auto const whole = try_dump(request, [&](byte_span message) -> result<> {
            auto decoded = decode(message);
            if (!decoded) {
                return decoded.error();
            }
            out.push_back(std::move(*decoded));
            return {};
        });
        if (!whole) {
            return whole.error();
        }
        if (*whole) {
            return out;
        }
        std::move(out.begin(), out.end(), std::back_inserter(seen));
    }
    std::vector<State> once; // the newest of each; the next plan finds what is wrong
    for (auto& one : seen) {
        std::erase_if(once, [&](State const& other) { return key(other) == key(one); });
        once.push_back(std::move(one));
    }
    return once;
}

result<std::vector<service_state>> channel::dump_services() {
    return dump_all<service_state>(encode_service_dump(), decode_service,
                                   [](service_state const& s) { return s.config.key; });
}

result<> channel::dump_destinations(service_state& s) {
    auto destinations = dump_all<destination_state>(
        encode_destination_dump(s.config.key),
        [&](byte_span message) { return decode_destination(message, s.config.key.v6); },
        [](destination_state const& d) { return d.config.remote; });
    if (!destinations) {
        return destinations.error();
    }
    s.destinations = std::move(*destinations);
    return {};
}

result<std::vector<service_state>> channel::dump() {
    auto out = dump_services();
    for (std::size_t i = 0; out && i < out->size(); ++i) {
        if (auto const done = dump_destinations((*out)[i]); !done) {
            return done.error();
        }
    }
    return out;
}

/// Services come through netlink, which knows all of them and everything about them; their destinations through getsockopt,
/// where that tells enough.
result<std::vector<service_state>> channel::look() {
    auto out = dump_services();
    if (!out) {
        return out;
    }
    sockopt_table older;
    auto const counted = older.services().value_or(std::vector<counted_service>());
    auto next = counted.begin(); // both lists are in the kernel's order
    for (auto& s : *out) {
        bool const is_next = next != counted.end() && next->key == s.config.key;
        auto destinations = is_next ? older.destinations(*next++) : std::nullopt;
        if (destinations) {
            s.destinations = std::move(*destinations);
        } else if (auto const done = dump_destinations(s); !done) {
            return done.error();
        }
    }
    return out;
}

result<std::vector<int>> channel::write(std::span<bytes const> messages) {
    std::vector<int> out;
    while (!messages.empty()) {
        auto const batch = messages.first(std::min(batch_size, messages.size()));
        if (auto const done = write_batch(batch, out); !done) {
            return done.error();
        }
        messages = messages.subspan(batch.size());
    }
    return out;
}

result<> channel::write_batch(std::span<bytes const> messages, std::vector<int>& out) {
    bytes packet;
    auto const first = sequence_ + 1;
    for (auto const& m : messages) {
        append(packet, m, NLM_F_ACK);
    }
    if (auto sent = send(packet); !sent) {
        return sent;
    }
    std::vector<int> answers(messages.size(), -1);
    for (auto missing = messages.size(); missing > 0;) {
        auto const answer = receive();
        if (!answer) {
            return answer.error();
        }
        auto const read = for_each_message(*answer, [&](nlmsghdr const& header, byte_span payload) {
            auto const place = header.nlmsg_seq - first;
            if (header.nlmsg_type == NLMSG_ERROR && place < answers.size() && answers[place] < 0) {
                answers[place] = carried_errno(payload);
                --missing;
            }
            return true;
        });
        if (!read) {
            return read;
        }
    }
    if (std::find(answers.begin(), answers.end(), EPERM) != answers.end()) {
        return system_error("writing the IPVS table", EPERM);
    }
    out.insert(out.end(), answers.begin(), answers.end());
    return {};
}

} // namespace balance::ipvs
