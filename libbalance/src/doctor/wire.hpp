// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "doctor/frames.hpp"

#include <balance/error.hpp>

#include <compare>
#include <map>
#include <set>
#include <stop_token>
#include <utility>
#include <vector>

namespace balance::doctor {

/// An interface of this machine, Ethernet with an IPv4 way to a real server.
struct station {
    unsigned index = 0;
    std::string name;
    mac_address mac{};
    unsigned mtu = 0;
};

/// Who has `target`?
struct arp_question {
    unsigned interface = 0;
    address_v4 target;

    std::strong_ordering operator<=>(arp_question const&) const = default;
};
struct arp_sender {
    mac_address mac{};
    address_v4 address; ///< unspecified: it teaches nobody anything
};
using arp_answers = std::map<arp_question, std::set<mac_address>>;

/// Does a machine take a client's packet? `ends.source_port` is filled in.
struct tcp_question {
    station from;
    mac_address to{}; ///< whose network card gets it; not of a tunnel
    tcp_ends ends;
    std::optional<tunnel> through;
    address_v4 tunnel_source; ///< of a tunnel: this machine
    address_v4 tunnel_target; ///< and the real server
};

enum class reply : std::uint8_t {
    none,
    accepted, ///< SYN and ACK: a program listens there
    refused   ///< RST: the machine has the address, and no program listens
};

/// Asks neighbours and waits for what they say. Blocking; each question is asked three times, 300 ms apart, until it is
/// answered; 1.2 s at most and a millisecond a question.
class wire {
public:
    /// Errors: `not_permitted`, `io_error`.
    static result<wire> open(std::stop_token stop);
    wire(wire&& other) noexcept;
    wire& operator=(wire&&) = delete;
    ~wire();

    /// Every answer counts, so this takes the whole time.
    arp_answers ask(std::map<arp_question, arp_sender> const& questions);
    /// In the order of the questions.
    std::vector<reply> ask(std::vector<tcp_question> questions);

private:
    wire(int frames, int packets, std::stop_token stop)
        : frames_(frames), packets_(packets), stop_(std::move(stop)) {}

    void send(unsigned interface, packet const& frame) const noexcept;
    void send(tcp_question const& q, std::uint32_t sequence, tcp_flag flag) const noexcept;
    /// Calls `take(interface, heard)` for what comes until `limit` is over, `enough()` or stopped.
    template <class Take, class Enough>
    void listen(milliseconds limit, Take take, Enough enough);

    int frames_ = -1;  ///< whole Ethernet frames
    int packets_ = -1; ///< IPv4 packets that the kernel routes
    std::stop_token stop_;
};

} // namespace balance::doctor
