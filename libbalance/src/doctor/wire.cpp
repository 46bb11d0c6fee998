// SPDX-License-Identifier: Apache-2.0
#include "doctor/wire.hpp"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace balance::doctor {
namespace {

using clock = std::chrono::steady_clock;

constexpr int attempts = 3;
constexpr milliseconds between{300};
constexpr std::size_t at_once = 64; ///< frames sent before what came in is read
constexpr milliseconds pause{64};   ///< a millisecond a frame
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

/// ARP replies, and TCP to the ports that questions come from. What else the machine hears stays in the kernel.
bool only_answers(int fd) {
    std::array<sock_filter, 13> code{{
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 2),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20), // operation
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 7, 8),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 7),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23), // protocol
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 5),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14), // length of the header
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),  // target port
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first_port, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first_port + ports, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, 128),
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    sock_fprog const program{static_cast<unsigned short>(code.size()), code.data()};
    return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

std::uint32_t random_number() {
    std::uint32_t out = 0;
    static_cast<void>(::getrandom(&out, sizeof out, 0));
    return out;
}

} // namespace

result<wire> wire::open(std::stop_token stop) {
    // Protocol 0 receives nothing; the filter must be there before something can.
    wire out(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
             ::socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW),
             std::move(stop));
    sockaddr_ll everywhere{};
    everywhere.sll_family = AF_PACKET;
    everywhere.sll_protocol = htons(ETH_P_ALL);
    if (out.frames_ < 0 || out.packets_ < 0 || !only_answers(out.frames_) ||
        ::bind(out.frames_, reinterpret_cast<sockaddr const*>(&everywhere), sizeof everywhere) != 0) {
        return failed("asking the real servers");
    }
    return out;
}

wire::wire(wire&& other) noexcept
    : frames_(std::exchange(other.frames_, -1)), packets_(std::exchange(other.packets_, -1)),
      stop_(std::move(other.stop_)) {}

wire::~wire() {
    for (int const fd : {frames_, packets_}) {
        if (fd >= 0) {
            ::close(fd);
        }
    }
}

void wire::send(unsigned interface, packet const& frame) const noexcept {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(interface);
    ::sendto(frames_, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr const*>(&to), sizeof to);
}

void wire::send(tcp_question const& q, std::uint32_t sequence, tcp_flag flag) const noexcept {
    auto const inner = tcp_packet(q.ends, sequence, flag);
    if (!q.through) {
        send(q.from.index, in_frame(q.from.mac, q.to, inner));
        return;
    }
    auto const wrapped = in_tunnel(*q.through, q.tunnel_source, q.tunnel_target, inner);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(q.tunnel_target.to_uint());
    ::sendto(packets_, wrapped.data(), wrapped.size(), 0, reinterpret_cast<sockaddr const*>(&to), sizeof to);
}

template <class Take, class Enough>
void wire::listen(milliseconds limit, Take take, Enough enough) {
    auto const end = clock::now() + limit;
    std::array<std::uint8_t, 128> frame;
    for (auto left = limit; left.count() > 0 && !enough() && !stop_.stop_requested();
         left = std::chrono::ceil<milliseconds>(end - clock::now())) {
        pollfd waiting{frames_, POLLIN, 0};
        if (::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) {
            continue;
        }
        sockaddr_ll from{};
        socklen_t size = sizeof from;
        auto const got =
            ::recvfrom(frames_, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        if (got > 0 && from.sll_pkttype == PACKET_HOST) {
            take(static_cast<unsigned>(from.sll_ifindex),
                 read_frame(std::span(frame).first(static_cast<std::size_t>(got))));
        }
    }
}

arp_answers wire::ask(std::map<arp_question, arp_sender> const& questions) {
    arp_answers out;
    auto const take = [&](unsigned interface, heard const& said) {
        if (!said.arp) {
            return;
        }
        if (arp_question const q{interface, said.arp->address}; questions.contains(q)) {
            out[q].insert(said.arp->mac);
        }
    };
    auto const never = [] { return false; };
    for (int i = 0; i < attempts && !questions.empty() && !stop_.stop_requested(); ++i) {
        std::size_t sent = 0;
        for (auto const& [q, sender] : questions) {
            send(q.interface, arp_request(sender.mac, sender.address, q.target));
            if (++sent % at_once == 0) {
                listen(pause, take, never);
            }
        }
        listen(between, take, never);
    }
    return out;
}

std::vector<reply> wire::ask(std::vector<tcp_question> questions) {
    std::vector<reply> out(questions.size());
    auto const base = random_number();
    auto const port = static_cast<std::uint16_t>(first_port + random_number() % ports);
    auto const sequence_of = [&](std::size_t i) { return base + static_cast<std::uint32_t>(2 * i); };
    for (auto& q : questions) {
        q.ends.source_port = port;
    }
    std::size_t missing = questions.size();
    auto const take = [&](unsigned, heard const& said) {
        if (!said.tcp) {
            return;
        }
        auto const i = (said.tcp->acknowledged - 1 - base) / 2;
        if (i >= questions.size() || said.tcp->acknowledged != sequence_of(i) + 1) {
            return;
        }
        auto const& q = questions[i];
        auto const& ends = said.tcp->ends;
        if (ends.source != q.ends.target || ends.source_port != q.ends.target_port || ends.target != q.ends.source ||
            ends.target_port != port) {
            return;
        }
        if (said.tcp->accepted) {
            send(q, sequence_of(i) + 1, tcp_flag::reset);
        }
        if (out[i] == reply::none) {
            out[i] = said.tcp->accepted ? reply::accepted : reply::refused;
            --missing;
        }
    };
    auto const all = [&] { return missing == 0; };
    for (int i = 0; i < attempts && missing > 0 && !stop_.stop_requested(); ++i) {
        std::size_t sent = 0;
        for (std::size_t n = 0; n < questions.size(); ++n) {
            if (out[n] != reply::none) {
                continue;
            }
            send(questions[n], sequence_of(n), tcp_flag::syn);
            if (++sent % at_once == 0) {
                listen(pause, take, all);
            }
        }
        listen(between, take, all);
    }
    return out;
}

} // namespace balance::doctor
