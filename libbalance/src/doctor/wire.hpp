// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "doctor/questions.hpp"

#include <balance/error.hpp>

#include <cstddef>
#include <cstdint>
#include <stop_token>

namespace balance::doctor {

/// Asks neighbours and waits for what they say. Blocking. A question is sent three times at most, 300 ms apart, until it
/// is answered; with 1 ms for each packet sent, `ask` takes 0.9 s at most. A stop is noticed within 50 ms.
class wire {
public:
    /// Errors: `not_permitted`, `io_error`.
    static result<wire> open(std::stop_token stop);
    wire(wire&& other) noexcept;
    wire& operator=(wire&&) = delete;
    ~wire();

    arp_answers ask(arp_questions const& questions);
    /// In the end every connection that may have been opened half is reset, also when it is stopped.
    tcp_answers ask(tcp_questions const& questions);

    /// The port that TCP questions come from.
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

private:
    explicit wire(std::stop_token stop);

    bool send(arp_question const& q, mac_address const& from) const noexcept;
    bool send(tcp_question const& q, std::uint32_t sequence, tcp_flag flag) const noexcept;
    /// Calls `send(i)`, which tells whether it sent something, for every i below `count`, and listens meanwhile.
    template <class Send, class Take, class Enough>
    void send_all(int fd, std::size_t count, Send send, Take take, Enough enough);
    /// Calls `take(interface, heard)` for what comes until `limit` is over, `enough()` or stopped.
    template <class Take, class Enough>
    void listen(int fd, milliseconds limit, Take take, Enough enough);

    int arp_ = -1;
    int tcp_ = -1;
    int routed_ = -1; ///< IPv4 packets that the kernel routes
    std::uint16_t port_;
    std::stop_token stop_;
};

} // namespace balance::doctor
