// SPDX-License-Identifier: Apache-2.0
// What can be asked on the wire, and what may be answered. Pure.
#pragma once

#include "doctor/frames.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace balance::doctor {

/// Who has `target`, on that interface?
struct arp_question {
    unsigned interface = 0;
    address_v4 target;

    std::strong_ordering operator<=>(arp_question const&) const = default;
};
struct arp_manner {
    mac_address from{};    ///< the interface's
    bool everyone = false; ///< asked again although somebody answered: others may have it too
};
using arp_questions = std::map<arp_question, arp_manner>;

/// Who answered. Absent: not known, for nothing could be sent, frames were lost or it was stopped.
using arp_claims = std::optional<std::set<mac_address>>;
/// Of every question.
using arp_answers = std::map<arp_question, arp_claims>;

/// Does a machine take a client's packet? Two that are equal would disturb each other, so each is asked once.
struct tcp_question {
    unsigned interface = 0; ///< 0: through a tunnel
    mac_address from{};
    mac_address to{}; ///< whose network card gets it
    address_v4 source;
    address_v4 target;
    std::uint16_t port = 0; ///< of the target
    std::optional<tunnel> through{};
    address_v4 tunnel_source{}; ///< this machine
    address_v4 tunnel_target{}; ///< the real server

    std::strong_ordering operator<=>(tcp_question const&) const = default;
};
using tcp_questions = std::set<tcp_question>;

enum class reply : std::uint8_t {
    unknown,  ///< not asked, or an answer may have been lost
    silent,   ///< nothing came back
    accepted, ///< SYN and ACK: a program listens there
    refused   ///< RST: the machine has the address, and no program listens
};
/// Of every question.
using tcp_answers = std::map<tcp_question, reply>;

/// TCP questions while they are asked from one port, told apart by their sequence numbers, and what has become of each.
class conversation {
public:
    /// `base`: a number that a stranger does not know.
    conversation(tcp_questions const& questions, std::uint16_t port, std::uint32_t base);

    [[nodiscard]] std::size_t size() const noexcept { return questions_.size(); }
    [[nodiscard]] tcp_question const& question(std::size_t i) const { return questions_[i]; }
    /// Of the SYN; the connection's next is one more.
    [[nodiscard]] std::uint32_t sequence(std::size_t i) const { return base_ + static_cast<std::uint32_t>(2 * i); }
    [[nodiscard]] bool answered(std::size_t i) const;
    /// Was it asked, and not refused? Then a connection may be half open.
    [[nodiscard]] bool may_be_open(std::size_t i) const;
    /// Are all answered?
    [[nodiscard]] bool over() const noexcept { return answered_ == questions_.size(); }

    void sent(std::size_t i);
    void take(tcp_answer const& said);
    /// `complete`: no answer can have been missed.
    [[nodiscard]] tcp_answers answers(bool complete) const;

private:
    [[nodiscard]] bool is_of(tcp_question const& q, tcp_ends const& ends) const;

    std::vector<tcp_question> questions_;
    std::uint16_t port_;
    std::uint32_t base_;
    std::vector<reply> replies_;
    std::size_t answered_ = 0;
};

} // namespace balance::doctor
