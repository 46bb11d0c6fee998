// SPDX-License-Identifier: Apache-2.0
#include "doctor/wire.hpp"

#include "doctor/filter.hpp"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

namespace balance::doctor {
namespace {

using clock = std::chrono::steady_clock;

constexpr int attempts = 3;
constexpr milliseconds between{300};
constexpr milliseconds glance{50};  ///< time in which a stop is noticed
constexpr std::size_t at_once = 64; ///< frames sent before what came in is read
constexpr milliseconds pause{64};   ///< a millisecond a frame
constexpr int receive_buffer = 2 << 20;
/// Above the ports that the kernel gives to programs by default, so that no connection has it.
constexpr std::uint16_t first_port = 61'001;
constexpr std::uint16_t ports = 4'000;

error failed(std::string const& what) {
    if (errno == EPERM || errno == EACCES) {
        return make_error(errc::not_permitted,
                          what + " needs the privilege CAP_NET_RAW; run as root or grant the capability");
    }
    return make_error(errc::io_error, what + ": " + std::strerror(errno));
}

std::uint32_t random_number() {
    std::uint32_t out = 0;
    bool const drawn = ::getrandom(&out, sizeof out, 0) == sizeof out;
    return drawn ? out : static_cast<std::uint32_t>(clock::now().time_since_epoch().count());
}

/// Protocol 0 receives nothing: the filter is there before something can come.
int packet_socket() { return ::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

/// Bound to one protocol, a socket hears what comes in, on every interface, and nothing that goes out.
bool hear(int fd, std::uint16_t protocol, std::vector<sock_filter> code) {
    sock_fprog const program{static_cast<unsigned short>(code.size()), code.data()};
    sockaddr_ll everywhere{};
    everywhere.sll_family = AF_PACKET;
    everywhere.sll_protocol = htons(protocol);
    // Beyond net.core.rmem_max; where that is not permitted, up to it.
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) != 0) {
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0 &&
           ::bind(fd, reinterpret_cast<sockaddr const*>(&everywhere), sizeof everywhere) == 0;
}

/// Were frames that passed the filter lost since this was last asked?
bool lost_frames(int fd) {
    tpacket_stats counted{};
    socklen_t size = sizeof counted;
    return ::getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &counted, &size) != 0 || counted.tp_drops > 0;
}

bool send_frame(int fd, unsigned interface, std::uint16_t protocol, packet const& frame) {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(protocol);
    to.sll_ifindex = static_cast<int>(interface);
    return ::sendto(fd, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr const*>(&to), sizeof to) >= 0;
}

constexpr auto never = [] { return false; };

} // namespace

wire::wire(std::stop_token stop)
    : arp_(packet_socket()), tcp_(packet_socket()),
      routed_(::socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW)),
      port_(static_cast<std::uint16_t>(first_port + random_number() % ports)), stop_(std::move(stop)) {}

result<wire> wire::open(std::stop_token stop) {
    wire out(std::move(stop));
    if (out.arp_ < 0 || out.tcp_ < 0 || out.routed_ < 0 || !hear(out.arp_, ETH_P_ARP, arp_replies()) ||
        !hear(out.tcp_, ETH_P_IP, tcp_replies(out.port_))) {
        return failed("asking the real servers");
    }
    return out;
}

wire::wire(wire&& other) noexcept
    : arp_(std::exchange(other.arp_, -1)), tcp_(std::exchange(other.tcp_, -1)),
      routed_(std::exchange(other.routed_, -1)), port_(other.port_), stop_(std::move(other.stop_)) {}

wire::~wire() {
    for (int const fd : {arp_, tcp_, routed_}) {
        if (fd >= 0) {
            ::close(fd);
        }
    }
}

bool wire::send(arp_question const& q, mac_address const& from) const noexcept {
    return send_frame(arp_, q.interface, ETH_P_ARP, arp_request(from, q.target));
}

bool wire::send(tcp_question const& q, std::uint32_t sequence, tcp_flag flag) const noexcept {
    auto const inner = tcp_packet({q.source, port_, q.target, q.port}, sequence, flag);
    if (!q.through) {
        return send_frame(tcp_, q.interface, ETH_P_IP, in_frame(q.from, q.to, inner));
    }
    auto const wrapped = in_tunnel(*q.through, q.tunnel_source, q.tunnel_target, inner);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(q.tunnel_target.to_uint());
    return ::sendto(routed_, wrapped.data(), wrapped.size(), 0, reinterpret_cast<sockaddr const*>(&to), sizeof to) >= 0;
}

template <class Send, class Take, class Enough>
void wire::send_all(int fd, std::size_t count, Send send, Take take, Enough enough) {
    std::size_t sent = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (send(i) && ++sent % at_once == 0) {
            listen(fd, pause, take, enough);
        }
    }
}

template <class Take, class Enough>
void wire::listen(int fd, milliseconds limit, Take take, Enough enough) {
    auto const end = clock::now() + limit;
    std::array<std::uint8_t, 128> frame;
    for (auto left = limit; left.count() > 0 && !enough() && !stop_.stop_requested();
         left = std::chrono::ceil<milliseconds>(end - clock::now())) {
        pollfd waiting{fd, POLLIN, 0};
        if (::poll(&waiting, 1, static_cast<int>(std::min(left, glance).count())) <= 0) {
            continue;
        }
        sockaddr_ll from{};
        socklen_t size = sizeof from;
        auto const got = ::recvfrom(fd, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        if (got > 0) {
            take(static_cast<unsigned>(from.sll_ifindex),
                 read_frame(std::span(frame).first(static_cast<std::size_t>(got))));
        }
    }
}

arp_answers wire::ask(arp_questions const& questions) {
    std::vector<std::pair<arp_question, arp_manner>> const list(questions.begin(), questions.end());
    arp_answers out;
    for (auto const& [question, manner] : list) {
        out.emplace(question, std::nullopt);
    }
    auto const send_due = [&](std::size_t i) {
        auto const& [question, manner] = list[i];
        auto& known = out.at(question);
        bool const due = manner.everyone || !known || known->empty();
        if (stop_.stop_requested() || !due || !send(question, manner.from)) {
            return false;
        }
        known = known.value_or(std::set<mac_address>{});
        return true;
    };
    auto const take = [&](unsigned interface, heard const& said) {
        if (!said.arp) {
            return;
        }
        if (auto const known = out.find({interface, said.arp->address}); known != out.end() && known->second) {
            known->second->insert(said.arp->mac);
        }
    };
    lost_frames(arp_);
    for (int i = 0; i < attempts && !list.empty() && !stop_.stop_requested(); ++i) {
        send_all(arp_, list.size(), send_due, take, never);
        listen(arp_, between, take, never);
    }
    if (lost_frames(arp_) || stop_.stop_requested()) {
        for (auto& [question, claims] : out) {
            claims = claims && claims->empty() ? std::nullopt : claims;
        }
    }
    return out;
}

tcp_answers wire::ask(tcp_questions const& questions) {
    conversation talk(questions, port_, random_number());
    auto const send_due = [&](std::size_t i) {
        if (stop_.stop_requested() || talk.answered(i) || !send(talk.question(i), talk.sequence(i), tcp_flag::syn)) {
            return false;
        }
        talk.sent(i);
        return true;
    };
    auto const reset = [&](std::size_t i) {
        return talk.may_be_open(i) && send(talk.question(i), talk.sequence(i) + 1, tcp_flag::reset);
    };
    auto const take = [&](unsigned, heard const& said) {
        if (said.tcp) {
            talk.take(*said.tcp);
        }
    };
    auto const over = [&] { return talk.over(); };
    lost_frames(tcp_);
    for (int i = 0; i < attempts && !talk.over() && !stop_.stop_requested(); ++i) {
        send_all(tcp_, talk.size(), send_due, take, over);
        listen(tcp_, between, take, over);
    }
    bool const complete = !lost_frames(tcp_) && !stop_.stop_requested();
    send_all(
        tcp_, talk.size(), reset, [](unsigned, heard const&) {}, never);
    return talk.answers(complete);
}

} // namespace balance::doctor
